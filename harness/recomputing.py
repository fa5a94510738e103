"""Exact numbers of a record made anew: MACs and parameters of the network, accuracy where weights and data are here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from harness import models
from harness.artifacts import KEY, intact
from harness.collectors.accuracy import Accuracy
from harness.collectors.params import parameters
from harness.counting import count_macs
from harness.datasets.base import datasets
from harness.environment import environment_of
from harness.errors import HarnessError, SpecError, UnknownNameError
from harness.export import WEIGHTS, last_stage, network
from harness.families.catalogue import sublayers_named
from harness.jobs import Assignment, Job
from harness.records import Asked, Environment, Measurement, Record
from harness.repetition.finding import title
from harness.runtimes import DEFAULT
from harness.schema import Options, canonical
from harness.stages.base import Bench
from harness.stages.bench import bench_of
from harness.stages.passes import called, run_passes
from harness.surgery import remove
from harness.tasks.base import Description
from harness.tasks.catalogue import task_called
from harness.trials import TrialSpec

ELSEWHERE = 0.01  # share of items that may come out otherwise on another kind of machine or software
MADE_UP = "one made-up item"  # what the MACs of a network are of that does not look at values
REFUSED = (RuntimeError, ValueError, TypeError, LookupError, ArithmeticError)


@dataclass(frozen=True)
class Recomputed:
    """What came out otherwise; what could not be made anew and why; how many numbers were."""

    findings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    numbers: int = 0


class Recomputer:
    """Makes numbers anew on the CPU; nothing is fetched, no plug-in of a record is loaded, and no file but in `scratch`
    is written.

    `artifacts` are folders that may hold the weights, `paths` those of data that has a path.
    """

    def __init__(self, artifacts: Sequence[Path], paths: Mapping[str, str], scratch: Path) -> None:
        self._artifacts = tuple(artifacts)
        self._paths = dict(paths)
        self._scratch = scratch
        self._described: dict[str, Description] = {}
        self._counts: dict[str, dict[str, float | None]] = {}

    def of(self, record: Record) -> Recomputed:
        """What of a record comes out the same."""
        if record.status != "ok":
            return Recomputed(notes=("did not end well, so there is no number to make anew",))
        try:
            spec = TrialSpec.model_validate(record.trial.spec)
            head = self._head(spec)
        except (HarnessError, ValidationError) as error:
            return Recomputed(notes=(f"not made anew: {_first_line(error)}",))
        parts = [self._counted(record, spec, head), self._evaluated(record, spec, head)]
        return Recomputed(
            tuple(sentence for part in parts for sentence in part.findings),
            tuple(sentence for part in parts for sentence in part.notes),
            sum(part.numbers for part in parts),
        )

    def _head(self, spec: TrialSpec) -> Options:
        """Options of the network that follow the data: outputs and channels."""
        description = self._description(spec)
        return task_called(description.task).model_options(description)

    def _description(self, spec: TrialSpec) -> Description:
        key = canonical(spec.data)
        if key not in self._described:
            paths = {label: Path(folder) for label, folder in self._paths.items()}
            self._described[key] = datasets.create(spec.data, "trial.spec.data").describe(paths)
        return self._described[key]

    def _counted(self, record: Record, spec: TrialSpec, head: Options) -> Recomputed:
        """MACs and parameters of the architecture without what was removed, on the meta device."""
        if spec.transforms:
            return Recomputed(notes=("MACs and parameters were not counted again: a transform changes the network",))
        measured = {m.metric: (m, value) for m, value in _valued(record, "macs", "params")}
        try:
            counts = self._counts_of(spec, head, record.removed)
        except UnknownNameError:
            return Recomputed(findings=("removed names sublayers that its architecture does not have",))
        except (HarnessError, *REFUSED) as error:
            return Recomputed(notes=(f"its network cannot be built here: {_first_line(error)}",))
        findings, notes = [], []
        for metric, (m, value) in measured.items():
            found = counts[metric]
            if found is None or m.details.get("input", MADE_UP) != MADE_UP:
                notes.append(f"{metric} depends on what the network is shown, and was not counted again")
            elif value != found:
                findings.append(f"{metric} is {value:,.0f}, and the network has {found:,.0f}")
        return Recomputed(tuple(findings), tuple(notes), len(measured) - len(notes))

    def _counts_of(self, spec: TrialSpec, head: Options, removed: Sequence[str]) -> dict[str, float | None]:
        key = canonical([spec.architecture, spec.options, head, list(removed), spec.removal])
        if key not in self._counts:
            net = models.create(spec.architecture, spec.options, head, device="meta")
            task = task_called(self._description(spec).task)
            item = task.example(task.input_config(net), 1, "meta").inputs
            net = remove(net, sublayers_named(net, removed), spec.removal) if removed else net
            count = count_macs(net, item)
            macs = None if count.read_by else float(count.total)
            self._counts[key] = {"macs": macs, "params": float(parameters(net))}
        return self._counts[key]

    def _evaluated(self, record: Record, spec: TrialSpec, head: Options) -> Recomputed:
        """Accuracies in plain fp32, from the weights that the trial ended with."""
        measured = {m.key: value for m, value in _valued(record, "top1", "top5")}
        if not measured or record.run.limited:
            return Recomputed()
        try:
            weights = self._weights(record)
            bench = self._bench(record)
            _check_data(record, bench)
            net = network(spec, head, record.removed, weights)
            found = run_passes(bench, net, [Accuracy()], DEFAULT)[called(Accuracy())]
        except (HarnessError, *REFUSED) as error:
            return Recomputed(notes=(f"accuracy was not made anew: {_first_line(error)}",))
        if isinstance(found, str):
            return Recomputed(notes=(f"accuracy was not made anew: {found}",))
        here = {m.key: (m.asked, m.value, m.details.get("items")) for m in found.measurements}
        pairs = [(*here[key], value) for key, value in measured.items() if key in here]
        allowed = 0.0 if _is_alike(record.environment, bench) else ELSEWHERE
        findings, notes = _unlike(pairs, allowed)
        return Recomputed(tuple(findings), tuple(notes), len(pairs))

    def _weights(self, record: Record) -> Path:
        """The file of weights that a record names, whole and as its manifest says; raises SpecError."""
        stage = last_stage(record.trial.spec)
        made = record.run.stages.get(stage)
        if made is None or not KEY.fullmatch(made.key) or not KEY.fullmatch(made.content):
            raise SpecError(f"the record names no artifact of {stage}")
        for root in self._artifacts:
            folder = root / stage / made.key / made.content
            if not folder.is_dir() or any(path.is_symlink() for path in (folder, *folder.iterdir())):
                continue
            manifest = intact(folder)
            if manifest is not None and (manifest.key, manifest.content) == (made.key, made.content):
                return folder / WEIGHTS
        raise SpecError("its weights are not here")

    def _bench(self, record: Record) -> Bench:
        environment = environment_of("cpu", 1, models.libraries(str(record.trial.spec["architecture"])))
        job = Job(
            id="verify",
            study="verify",
            results=str(self._scratch),
            assignments=(),
            collectors=(),
            device="cpu",
            paths=self._paths,
        )
        assignment = Assignment(trial=record.trial, asked=record.run.asked)
        return bench_of(job, assignment, environment, "verify", lambda *_: None)


def _valued(record: Record, *metrics: str) -> Iterator[tuple[Measurement, float]]:
    """What was measured plainly, with its value; a null has a reason, and nothing to be held against."""
    for m in record.measurements:
        if m.metric in metrics and not m.at and m.value is not None:
            yield m, m.value


def _check_data(record: Record, bench: Bench) -> None:
    """Raises SpecError where the data here are not those of the record."""
    for name, part in bench.data.used().items():
        known = record.data.get(name)
        if known is not None and known != part:
            raise SpecError(f"the {name} data here are others ({part.sha256[:8]}, recorded {known.sha256[:8]})")


def _is_alike(made: Environment | None, bench: Bench) -> bool:
    here = (bench.maker.machine_class, bench.maker.software_class)
    return made is not None and (made.machine_class, made.software_class) == here


def _unlike(pairs: Sequence[tuple[Asked, float | None, object, float]], allowed: float) -> tuple[list[str], ...]:
    """Findings and notes about (question, here, items, recorded); other machines may differ in a few items."""
    findings: list[str] = []
    notes: list[str] = []
    for asked, here, items, recorded in pairs:
        if here == recorded:
            continue
        told = f"{title(asked)} is {recorded}, and its weights give {here} on {items} items here"
        is_near = here is not None and abs(here - recorded) <= allowed
        (notes if is_near else findings).append(told + (", on another kind of machine or software" if is_near else ""))
    return findings, notes


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
