"""What comes out of one run of one trial, as one JSON document; later versions only add to it."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import Field

from harness.bounds import Bounds
from harness.schema import Json, Options, Schema, sha256

SCHEMA_NUMBER = 1
FailureClass: TypeAlias = Literal[
    "oom_gpu", "oom_host", "timeout", "preempted", "node_failure", "killed", "numerical", "error", "lost"
]
COLLECTOR_FAILED = "collector_failed"  # begins the reason of a measurement whose collector raised
STAGES = ("prepare", "select", "recover", "evaluate", "cost")


class TrialInfo(Schema):
    """The axes of a trial as flat scalars; `spec` is the nested identity that is digested.

    A seed is null where no stage of the trial uses it. `baseline` and `untouched` are the ids of the trials that
    this one is compared with: nothing removed and all else equal; nothing removed and no recovery either.
    """

    id: str
    digest: str
    study: str
    model: str
    data: str
    target: str | None = None
    criterion: str | None = None
    draw: int | None = None
    budget: str | None = None
    count: int | None = None
    of: int | None = None
    ratio: float | None = None
    removal: str | None = None
    recovery: str = "none"
    transform: str = "none"
    runtime: str = "fp32"
    model_seed: int | None = None
    selection_seed: int | None = None
    recovery_seed: int | None = None
    baseline: str | None = None
    untouched: str | None = None
    spec: Options

    @property
    def is_baseline(self) -> bool:
        """True for a trial with nothing removed."""
        return self.baseline is None


class Asked(Schema):
    """One measurement that a run was asked for: the identity of a measurement within a trial."""

    metric: str
    split: str | None = None
    at: Options = {}

    @property
    def key(self) -> str:
        """A spelling that can be compared and sorted."""
        return _key(self.metric, self.split, self.at)


def _key(metric: str, split: str | None, at: Options) -> str:
    return f"{metric}|{split or ''}|{sorted(at.items())}"


class StageRun(Schema):
    """Where a stage's artifact came from, and what it cost this run."""

    key: str
    content: str
    reused: bool
    made_by: str
    machine_class: str
    software_class: str
    elapsed_s: float = Field(ge=0)
    processes: int = Field(1, ge=1, description="that trained it together")
    parts: tuple[str, ...] = Field((), description="KEY/CONTENT of each, where a stage used several artifacts")


class Run(Schema):
    """One execution: who was asked for what, when (UTC, ISO 8601)."""

    id: str
    attempt: int = Field(1, ge=1)
    started: str
    finished: str
    executor: str
    limited: bool = False
    asked: tuple[Asked, ...]
    stages: dict[str, StageRun] = {}


class Failure(Schema):
    """Why a run ended without its measurements; paths are relative to the package or the results."""

    kind: FailureClass = Field(alias="class", serialization_alias="class")
    stage: str | None = None
    message: str
    traceback: str | None = None
    log: str | None = None
    exit_code: int | None = None
    signal: int | None = None
    retry: bool = False


class SharedFrom(Schema):
    """The trial and run in which a shared cost was really measured."""

    trial: str
    run: str


class Measurement(Schema):
    """One metric of one trial; `value` is in base units, null with a `reason` where it cannot be measured.

    `samples[i]` pairs with `baseline_samples[i]`, taken in the same process one after the other. `rounds[i]` is the
    round of sample i.
    """

    metric: str
    unit: str
    better: Literal["higher", "lower"]
    kind: Literal["exact", "noisy"]
    split: str | None = None
    at: Options = {}
    value: float | None
    samples: tuple[float, ...] = ()
    baseline_samples: tuple[float, ...] = ()
    rounds: tuple[int, ...] = ()
    quality: Literal["ok", "noisy", "tainted"] = "ok"
    reason: str | None = None
    shared_from: SharedFrom | None = None
    by_sublayer: dict[str, float] | None = None
    details: dict[str, Json] = {}
    warnings: tuple[str, ...] = ()

    @property
    def asked(self) -> Asked:
        """Which question this measurement answers."""
        return Asked(metric=self.metric, split=self.split, at=self.at)

    @property
    def key(self) -> str:
        """The key of what was asked; of a hundred thousand records a question is not made for each of them."""
        return _key(self.metric, self.split, self.at)

    @property
    def bare_key(self) -> str:
        """The same whichever revision of its collector answered."""
        return _key(self.metric, self.split, {name: value for name, value in self.at.items() if name != "revision"})

    @property
    def has_failed(self) -> bool:
        """Whether its collector raised, which another run may not; what cannot be measured here is an answer."""
        return self.value is None and (self.reason or "").startswith(COLLECTOR_FAILED)


class Outcome(Schema):
    """Per-item results of one metric on one split, packed: `bits` is numpy's big-endian packbits, in item order.

    What brings its own items, as a benchmark its questions, has no split.
    """

    split: str | None
    metric: str
    at: Options = {}
    item: str
    items: int
    encoding: Literal["bits", "float64"]
    data: str
    weights: dict[str, str] | None = None
    order: str


class SelectionInfo(Schema):
    """How the removed set was found: every score, and the path of the search where it has one."""

    search: str
    nested: bool
    order: tuple[str, ...] | None = None
    scores: dict[str, float] = {}
    set_score: float | None = None
    steps: tuple[dict[str, Json], ...] = ()
    items: int | None = None
    labels_used: bool = False
    gradients_used: bool = False
    forward_passes: float | None = None  # over the calibration items, as whole passes
    backward_passes: float | None = None
    micro_batch: dict[str, int] | None = None
    ties: tuple[tuple[str, ...], ...] = ()
    evaluations: int | None = None
    budget: dict[str, Json] | None = None  # what was asked to be saved, what this set saves, and its count
    stability: dict[str, Json] | None = None
    optimum: dict[str, Json] | None = None


class Proof(Schema):
    """That the removed model is the masked original, and that exactly the removed parts are gone."""

    status: Literal["passed", "failed", "not_applicable"]
    reason: str | None = None
    max_abs_difference: float | None = None
    tolerance: float | None = None
    params_expected: int | None = None
    params_found: int | None = None
    macs_expected: int | None = None
    macs_found: int | None = None


class PartInfo(Schema):
    """Fingerprint of one part of the data: decoded items before the transform, which is stated."""

    items: int
    sha256: str
    transform: str


class Environment(Schema):
    """Where a record was made; no host, user or path."""

    harness: dict[str, Json]
    project: dict[str, Json]
    machine_class: str
    machine: dict[str, Json]
    software_class: str
    versions: dict[str, str]
    device: str
    threads: int
    container: str | None = None
    variables: dict[str, str] = {}


class Warned(Schema):
    """Something a reader must know, with a code that reports can group by."""

    code: str
    message: str


class Record(Schema):
    """One run of one trial; `checksum` is the SHA-256 of the canonical JSON of everything else."""

    schema_number: int = Field(SCHEMA_NUMBER, alias="schema", serialization_alias="schema")
    checksum: str = ""
    status: Literal["ok", "failed", "skipped"]
    reason: str | None = None
    trial: TrialInfo
    run: Run
    failure: Failure | None = None
    removed: tuple[str, ...] = ()
    recipe: dict[str, tuple[int, ...]] = {}
    selection: SelectionInfo | None = None
    measurements: tuple[Measurement, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    proof: Proof | None = None
    data: dict[str, PartInfo] = {}
    environment: Environment | None = None
    timings: dict[str, float] = {}
    warnings: tuple[Warned, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """Plain JSON with its checksum set."""
        plain: dict[str, Json] = self.model_dump(mode="json", by_alias=True)
        plain.pop("checksum")
        return {**plain, "checksum": sha256(plain)}


class StudyIndex(Schema):
    """`trials.json`: the present plan of a study, which the read half shows.

    `collector_options` are the collectors with every option, `parts` the items of each part of the data by its label
    where they are known without loading, `calibrated_criteria` those that read calibration items; all three are empty
    in a plan of an earlier harness.
    """

    schema_number: int = Field(SCHEMA_NUMBER, alias="schema", serialization_alias="schema")
    study: str
    question: str | None = None
    contrast: tuple[str, str] | None = None
    networks: tuple[tuple[str, str], ...] = ()  # pairs of whole ones; empty: the first model with each reference
    recommend: tuple[Bounds, ...] | None = None  # null: the usual ones
    criteria: tuple[str, ...]
    collectors: tuple[str, ...]
    command: str
    is_synthetic: bool = False
    random_criteria: tuple[str, ...] = ()
    calibrated_criteria: tuple[str, ...] = ()
    collector_options: tuple[Options, ...] = ()
    parts: dict[str, dict[str, int]] = {}
    references: tuple[Options, ...] = ()
    trials: tuple[TrialInfo, ...]
