"""Scores and removals on one's own network, from a notebook: no study, no files, no records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from harness.criteria.base import Criterion, ListCriterion, Scoring, SetCriterion, UnitCriterion, criteria
from harness.errors import DataError, SpecError, UnknownNameError, unknown
from harness.families.base import Sublayer, Unit, units
from harness.families.catalogue import family_of
from harness.schema import Json
from harness.searches.answers import unit_scores
from harness.surgery import REMOVALS, removed
from harness.surgery import remove as without
from harness.tasks.base import Batch, Task
from harness.tasks.catalogue import task_of

if TYPE_CHECKING:
    from torch import Tensor, nn

Batches: TypeAlias = "Tensor | tuple[Tensor, Tensor] | Iterable[Tensor | Sequence[Tensor]]"


def score(
    model: nn.Module,
    batches: Batches = (),
    criterion: str | Criterion = "entropy",
    target: str = "attention",
    removal: str = "skip",
    **options: Json,
) -> dict[str, float]:
    """A score for each unit of the target by name, in order of depth; the lowest is the cheapest to lose.

    `batches` are tensors of inputs or (inputs, targets) pairs: a loader, a list, or one of them alone; of a language
    model token ids (n, length), whose targets are their own next tokens where none are given. Further keywords are
    options of the criterion, as in a study, and `seed` for a random one. A criterion of sets scores each unit as a set
    of one. The model runs where it is, in eval mode, and is left as it was.
    """
    seed = options.pop("seed", 0)
    chosen = criterion if isinstance(criterion, Criterion) else criteria.create({"name": criterion, **options})
    if isinstance(criterion, Criterion) and options:
        raise SpecError(f"{', '.join(options)}: options of a criterion that is made already; give its name instead")
    found = _units(model, target)
    _check(chosen, target, removal)
    task = task_of(model)
    fault = chosen.task_fault(task.name)
    if fault:
        raise SpecError(f"criterion {chosen.name!r}: {fault}")
    scoring = Scoring(
        net=model,
        task=task,
        units=found,
        batches=tuple(_batches(batches, chosen, task)) if chosen.needs_calibration else (),
        without=lambda gone: removed(model, [s for unit in gone for s in unit.sublayers], removal),
        removal=removal,
        seed=seed if isinstance(seed, int) else 0,
    )
    with _evaluating(model):
        return _scores(chosen, scoring)


def remove(model: nn.Module, names: str | Iterable[str], removal: str = "skip") -> nn.Module:
    """A copy of the model that runs without these sublayers (`blocks.3.attn`) or whole blocks (`blocks.3`).

    Only what remains is copied, names and values alike; the model itself is left as it was.
    """
    wanted = {names} if isinstance(names, str) else set(names)
    sublayers = _sublayers(model)
    blocks = {unit.name: unit.sublayers for unit in units(sublayers, "block")}
    known = {**{s.name: (s,) for s in sublayers}, **blocks}
    strangers = sorted(wanted - known.keys())
    if strangers:
        raise UnknownNameError(unknown("sublayer", name, known) for name in strangers)
    gone = {sublayer.name for name in wanted for sublayer in known[name]}
    return without(model, [sublayer for sublayer in sublayers if sublayer.name in gone], removal)


def _sublayers(model: nn.Module) -> tuple[Sublayer, ...]:
    """What can be removed, in order; of a model that `remove` gave, what is left."""
    from harness.stand_ins import Absent, Through

    def is_there(sublayer: Sublayer) -> bool:
        parts = dict(model.get_submodule(sublayer.block).named_modules())
        return not any(isinstance(parts.get(name), Absent | Through) for name in sublayer.modules)

    return tuple(filter(is_there, family_of(model).sublayers(model)))


def _units(model: nn.Module, target: str) -> tuple[Unit, ...]:
    sublayers = _sublayers(model)
    found = units(sublayers, target)
    if not found:
        kinds = {sublayer.kind for sublayer in sublayers}
        offered = {*kinds, "block"} | ({"joint"} if {"attention", "mlp"} <= kinds else set())
        raise UnknownNameError(unknown("target", target, offered, type(model).__name__))
    return found


def _check(criterion: Criterion, target: str, removal: str) -> None:
    if removal not in REMOVALS:
        raise UnknownNameError(unknown("removal", removal, REMOVALS))
    if removal == "identity" and target != "attention":
        raise SpecError(f"removal 'identity' (u = 2x) is for attention, not for {target!r}; use 'skip'")
    if removal not in criterion.removals:
        raise SpecError(f"criterion {criterion.name!r} is not defined for removal {removal!r}")
    if criterion.targets is not None and target not in criterion.targets:
        allowed = ", ".join(criterion.targets)
        raise SpecError(f"criterion {criterion.name!r} does not score {target!r}; it scores {allowed}")


def _batches(given: Batches, criterion: Criterion, task: Task) -> Iterator[Batch]:
    """As many items as the criterion reads, in the order given."""
    from torch import Tensor

    is_one = isinstance(given, Tensor) or (
        isinstance(given, tuple) and len(given) == 2 and all(isinstance(part, Tensor) for part in given)
    )
    if not isinstance(given, Iterable):
        raise DataError(f"batches: must be tensors or pairs of them, and this is of type {type(given).__name__}")
    left = criterion.calibration_items
    found = 0
    for entry in [given] if is_one else given:
        if left is not None and found >= left:
            return
        batch = _batch(entry, criterion, task)
        batch = batch if left is None else batch.at(slice(left - found))
        found += len(batch)
        yield batch
    if not found:
        raise DataError(f"batches: criterion {criterion.name!r} reads items, and none are given")


def _batch(entry: Any, criterion: Criterion, task: Task) -> Batch:
    from torch import Tensor

    parts = (entry,) if isinstance(entry, Tensor) else tuple(entry) if isinstance(entry, list | tuple) else ()
    if len(parts) not in (1, 2) or not all(isinstance(part, Tensor) for part in parts):
        raise DataError("batches: each must be a tensor of inputs, or a pair of tensors (inputs, targets)")
    if len(parts) == 2 and len(parts[0]) != len(parts[1]):
        raise DataError(f"batches: {len(parts[0])} inputs stand beside {len(parts[1])} targets")
    if len(parts) == 1 and criterion.reads_labels and task.needs_labels:
        raise DataError(f"batches: criterion {criterion.name!r} reads targets; give pairs (inputs, targets)")
    return task.given(parts[0], parts[1] if len(parts) == 2 else None)


def _scores(criterion: Criterion, scoring: Scoring) -> dict[str, float]:
    if isinstance(criterion, UnitCriterion):
        return unit_scores(criterion, scoring)
    if isinstance(criterion, SetCriterion):
        of_set = criterion.set_score(scoring)
        return {unit.name: of_set((unit,)) for unit in scoring.units}
    kind = "names sets" if isinstance(criterion, ListCriterion) else "scores no units"
    raise SpecError(f"criterion {criterion.name!r} {kind}; a study can use it, a score of units it has not")


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Within it every module is in eval mode; afterwards each is in its own again."""
    modes = {module: module.training for module in model.modules()}
    try:
        model.eval()
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
