"""A trial's identity: everything that can change its numbers, and nothing else."""

from __future__ import annotations

from typing import Any

from harness.records import TrialInfo
from harness.runtimes import Runtime
from harness.schema import Options, Schema
from harness.spec import FileWeights, Pretrained, TrainedWeights, Weights

OF_UNTOUCHED = ("architecture", "options", "weights", "data", "model_seed", "transforms", "runtime")
OF_BASELINES = (*OF_UNTOUCHED, "recovery", "recovery_seed")
DIGITS = 12  # of a digest in an id
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

    def runs_in(self) -> Runtime:
        """Its runtime, defaults filled in."""
        return Runtime.model_validate(self.runtime or {})


def unremoved(identity: Options) -> Options:
    """The matching baseline: nothing removed, everything else equal."""
    return {key: value for key, value in identity.items() if key in OF_BASELINES}


def untouched(identity: Options) -> Options:
    """Nothing removed, and no recovery either."""
    return {key: value for key, value in identity.items() if key in OF_UNTOUCHED}


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


def uses_model_seed(identity: Options) -> bool:
    """Whether the weights of a network depend on a seed at all."""
    weights: Any = identity["weights"]
    return "train" in weights or "random" in weights


def identity_of(fields: Options) -> Options:
    """The identity of a trial from all its fields: what is at its default is left out."""
    return {key: value for key, value in fields.items() if value is not None and value != _DEFAULTS.get(key)}


def trial_info(identity: Options, labels: Labels, found: str, compared: tuple[str | None, str] | None) -> TrialInfo:
    """The flat axes of a trial with its readable id; `found` is the digest of its identity.

    `compared` are the ids of the trials that it is compared with: its baseline, which a baseline has none of, and the
    untouched one.
    """
    baseline, without = compared or (None, None)
    is_baseline = "criterion" not in identity
    count: Any = 0 if is_baseline else identity.get("count")
    axes = {
        "id": trial_id(identity, labels, found),
        "digest": found,
        "study": labels.study,
        "model": labels.model,
        "data": labels.data,
        "target": identity.get("target"),
        "criterion": labels.criterion,
        "draw": identity.get("draw"),
        "budget": budget_word(identity),
        "count": count,
        "of": labels.of,
        "ratio": None if is_baseline or count is None or not labels.of else count / labels.of,
        "removal": None if is_baseline else identity.get("removal", "skip"),
        "recovery": labels.recovery,
        "transform": labels.transform,
        "runtime": labels.runtime,
        "model_seed": identity.get("model_seed"),
        "selection_seed": identity.get("selection_seed"),
        "recovery_seed": identity.get("recovery_seed"),
        "baseline": baseline,
        "untouched": without,
        "spec": identity,
    }
    return _BLANK.model_copy(update=axes)  # of a checked study; checked once more it would take five times as long


def sibling(like: TrialInfo, identity: Options, labels: Labels, found: str, compared: tuple[str, str]) -> TrialInfo:
    """What `trial_info` gives for a candidate that differs from one in seeds and draw alone, in half the time."""
    baseline, without = compared
    own = {name: identity.get(name) for name in SEEDS}
    own |= {"id": trial_id(identity, labels, found), "digest": found, "spec": identity}
    return like.model_copy(update=own | {"baseline": baseline, "untouched": without})


def trial_id(identity: Options, labels: Labels, found: str) -> str:
    """`vit_digits-attention-entropy-k4-s0-3f9a1c02d4e7`: readable first, then the digest that decides."""
    has = identity.get
    seed = has("model_seed", has("selection_seed"))
    if "criterion" in identity:
        parts = [labels.model, str(has("target")), str(labels.criterion)]
        parts += [f"d{has('draw')}"] if "draw" in identity else []
        parts += [budget_word(identity) or f"k{has('count')}"]
        parts += [str(has("removal"))] if "removal" in identity else []
    else:
        parts = [labels.model, "baseline"]
    parts += [labels.transform] if "transforms" in identity else []
    parts += [labels.recovery] if "recovery" in identity else []
    parts += [labels.runtime] if "runtime" in identity else []
    parts += [f"s{seed}"] if seed is not None else []
    return f"{'-'.join(parts)[:MAX_READABLE]}-{found}"


def budget_word(identity: Options) -> str | None:
    """`macs0.1`: the cost and the share of it that is to be saved."""
    budget: Any = identity.get("budget")
    return None if budget is None else "".join(f"{cost}{share}" for cost, share in budget.items())


SEEDS = ("model_seed", "selection_seed", "recovery_seed", "draw")  # what tells the trials of one point apart
_DEFAULTS: Options = {"options": {}, "removal": "skip", "transforms": []}
_BLANK = TrialInfo(id="", digest="", study="", model="", data="", spec={})
