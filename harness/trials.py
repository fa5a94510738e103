"""A trial's identity: everything that can change its numbers, and nothing else."""

from __future__ import annotations

from harness.records import TrialInfo
from harness.runtimes import Runtime
from harness.schema import Options, Schema, digest
from harness.spec import FileWeights, Pretrained, TrainedWeights, Weights

MAX_READABLE = 200  # characters of an id before its digest: folders, logs and leases are named after it


class TrialSpec(Schema):
    """What one trial is, without labels, paths, collectors, executor, machine, or seeds that no stage uses.

    A field at its default is not in the digest: a new option never changes an old id, and a default never changes.
    """

    architecture: str
    options: Options = {}
    weights: Options
    data: Options
    model_seed: int | None = None
    target: str | None = None
    criterion: Options | None = None
    search: Options | None = None  # None: the criterion's own
    selection_seed: int | None = None
    draw: int | None = None
    count: int | None = None
    budget: Options | None = None  # {"macs": 0.1}: instead of a count
    removal: str = "skip"
    recovery: Options | None = None
    recovery_seed: int | None = None
    transforms: tuple[Options, ...] = ()
    runtime: Options | None = None  # None: eager fp32

    @property
    def removes(self) -> bool:
        """False for a baseline, which has nothing to select."""
        return self.criterion is not None

    def identity(self) -> Options:
        """The nested plain JSON that is digested and kept as `trial.spec`."""
        found: Options = self.model_dump(mode="json", exclude_defaults=True)
        return found

    def unremoved(self) -> TrialSpec:
        """The matching baseline: nothing removed, everything else equal."""
        return TrialSpec(
            architecture=self.architecture,
            options=self.options,
            weights=self.weights,
            data=self.data,
            model_seed=self.model_seed,
            recovery=self.recovery,
            recovery_seed=self.recovery_seed,
            transforms=self.transforms,
            runtime=self.runtime,
        )

    def untouched(self) -> TrialSpec:
        """Nothing removed, and no recovery either."""
        return self.unremoved().model_copy(update={"recovery": None, "recovery_seed": None})

    def in_plain_runtime(self) -> TrialSpec:
        """The same without its runtime, which weights and selections don't depend on."""
        return self.model_copy(update={"runtime": None})

    def runs_in(self) -> Runtime:
        """Its runtime, defaults filled in."""
        return Runtime.model_validate(self.runtime or {})


class Labels(Schema):
    """The words that tables use for a trial; none of them enters its digest."""

    study: str
    model: str
    data: str
    criterion: str | None = None
    recovery: str = "none"
    transform: str = "none"
    runtime: str = "fp32"
    of: int | None = None


def weights_identity(weights: Weights, sha256: str | None = None) -> Options:
    """The identity of weights: the recipe, the published tag, or the hash of a file."""
    if isinstance(weights, TrainedWeights):
        return {"train": weights.train.model_dump(mode="json", exclude_defaults=True)}
    if isinstance(weights, FileWeights):
        return {"file": sha256 or weights.sha256}
    if isinstance(weights, Pretrained):
        return {"pretrained": weights.pretrained}
    return {"pretrained": None} if weights == "pretrained" else {"random": True}


def uses_model_seed(weights: Options) -> bool:
    """Whether the weights depend on a seed at all."""
    return "train" in weights or "random" in weights


def up_to(spec: Options, stage: str) -> Options:
    """An identity as far as this stage goes: trials that are equal up to it share what it makes."""
    if stage == "prepare":
        kept = {"architecture", "options", "weights", "data", "model_seed", "transforms"}
    else:
        later = {"count", "budget", "recovery", "recovery_seed"} if stage == "select" else set()
        kept = spec.keys() - later - (set() if stage in ("evaluate", "cost") else {"runtime"})
    return {key: value for key, value in spec.items() if key in kept}


def has_work_in(spec: Options, stage: str) -> bool:
    """Whether this stage makes anything for a trial of this identity."""
    needs = {"select": "criterion", "recover": "recovery"}.get(stage)
    return needs is None or needs in spec


def trial_info(spec: TrialSpec, labels: Labels) -> TrialInfo:
    """The flat axes of a trial, its readable id, and the ids it is compared with."""
    identity = spec.identity()
    is_baseline = not spec.removes
    count, of = 0 if is_baseline else spec.count, labels.of
    return TrialInfo(
        id=trial_id(spec, labels),
        digest=digest(identity),
        study=labels.study,
        model=labels.model,
        data=labels.data,
        target=spec.target,
        criterion=labels.criterion,
        draw=spec.draw,
        budget=budget_word(spec.budget),
        count=count,
        of=of,
        ratio=None if is_baseline or count is None or not of else count / of,
        removal=None if is_baseline else spec.removal,
        recovery=labels.recovery,
        transform=labels.transform,
        runtime=labels.runtime,
        model_seed=spec.model_seed,
        selection_seed=spec.selection_seed,
        recovery_seed=spec.recovery_seed,
        baseline=None if is_baseline else trial_id(spec.unremoved(), labels),
        untouched=None if spec == spec.untouched() else trial_id(spec.untouched(), labels),
        spec=identity,
    )


def trial_id(spec: TrialSpec, labels: Labels) -> str:
    """`vit_digits-attention-entropy-k4-s0-3f9a1c02d4e7`: readable first, then the digest that decides."""
    seed = spec.model_seed if spec.model_seed is not None else spec.selection_seed
    parts = [labels.model]
    if spec.removes:
        parts += [str(spec.target), str(labels.criterion)]
        parts += [f"d{spec.draw}"] if spec.draw is not None else []
        parts += [budget_word(spec.budget) or f"k{spec.count}"]
        parts += [spec.removal] if spec.removal != "skip" else []
    else:
        parts += ["baseline"]
    parts += [labels.transform] if spec.transforms else []
    parts += [labels.recovery] if spec.recovery is not None else []
    parts += [labels.runtime] if spec.runtime is not None else []
    parts += [f"s{seed}"] if seed is not None else []
    return f"{'-'.join(parts)[:MAX_READABLE]}-{digest(spec.identity())}"


def budget_word(budget: Options | None) -> str | None:
    """`macs0.1`: the cost and the share of it that is to be saved."""
    return None if budget is None else "".join(f"{cost}{share}" for cost, share in budget.items())
