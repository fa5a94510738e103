"""The points of a study's grid with their entries in hand, and what is wrong with a point."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

from harness import grid
from harness.criteria.base import ListCriterion, SpanCriterion
from harness.entries import Checked, CriterionEntry, ModelEntry, RecoveryEntry, Removable, RuntimeEntry, TransformEntry
from harness.errors import Problem
from harness.recipes import TrainOptions
from harness.spec import AMOUNTS, Study
from harness.tabular import table_fault
from harness.tasks.catalogue import task_called
from harness.transforms.base import misfits

Axes = dict[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Point:
    """One point of the grid for all its seeds, by which nothing can be wrong with it.

    `amount` is a count, a ratio, a budget, or None where the criterion brings its counts.
    """

    model: ModelEntry
    target: str
    criterion: CriterionEntry
    amount: int | float | grid.Budget | None
    removal: str
    recovery: RecoveryEntry
    transform: TransformEntry
    runtime: RuntimeEntry
    seeds: tuple[grid.SeedChoice, ...]

    @property
    def removable(self) -> Removable:
        """What the target can remove of the model."""
        return self.model.removable(self.target)

    @property
    def of(self) -> int:
        """How many units the target has."""
        return len(self.removable.units)

    @property
    def budget(self) -> grid.Budget | None:
        """The share of a cost that is to be saved, where the study asks for one."""
        return self.amount if isinstance(self.amount, grid.Budget) else None

    @property
    def count(self) -> int | None:
        """The number of units to remove, None where only the selection knows; a ratio is rounded half up."""
        if isinstance(self.amount, float):
            return math.floor(self.amount * self.of + 0.5)
        return self.amount if isinstance(self.amount, int) else None

    def words(self) -> dict[str, Any]:
        """The point as `exclude` names it, but for its seeds."""
        budget = self.budget
        return {
            "model": self.model.spec.name,
            "target": self.target,
            "criterion": self.criterion.label,
            "count": self.count,
            "ratio": self.amount if isinstance(self.amount, float) else None,
            "budget": None if budget is None else f"{budget.cost}{budget.share}",
            "removal": self.removal,
            "recovery": self.recovery.label,
            "transform": self.transform.label,
            "runtime": self.runtime.label,
        }


def points(study: Study, axes: Axes, checked: Checked) -> Iterator[tuple[dict[str, int], Point]]:
    """Every point that is wanted, with the index of its entry on every axis; what was not found good is left out.

    A criterion that brings its counts meets each of them instead of the study's.
    """
    amounts = next(name for name in AMOUNTS if name in axes)
    for index, numbers in grid.points(study, axes):
        model, criterion = checked.models.get(index["models"]), checked.criteria.get(index["criteria"])
        recovery, transform = checked.recoveries.get(index["recoveries"]), checked.transforms.get(index["transforms"])
        target = axes["targets"][index["targets"]]
        if model is None or criterion is None or recovery is None or transform is None or target in checked.strangers:
            continue
        seeds = tuple(axes["seeds"][number] for number in numbers)
        own = criterion.plugin.own_counts
        for amount in (axes[amounts][index[amounts]],) if own is None else own:
            point = Point(
                model=model,
                target=target,
                criterion=criterion,
                amount=amount,
                removal=axes["removals"][index["removals"]],
                recovery=recovery,
                transform=transform,
                runtime=checked.runtimes[index["runtimes"]],
                seeds=seeds,
            )
            if study.exclude:
                words = point.words()
                left = (s for s in seeds if not grid.is_excluded(study, {**words, "seed": s.model}))
                point = replace(point, seeds=tuple(left))
            if point.seeds and _is_wanted(point):
                yield index, point


def _is_wanted(point: Point) -> bool:
    only = point.criterion.choice.for_
    return (only.models is None or point.model.spec.name in only.models) and (
        only.targets is None or point.target in only.targets
    )


def faults(index: dict[str, int], point: Point) -> list[Problem]:
    """What makes this point impossible, each with its place in the study file."""
    return [
        *_amount_faults(index, point),
        *_criterion_faults(f"criteria.{index['criteria']}", point),
        *_transform_faults(f"transforms.{index['transforms']}", point),
        *_removal_faults(f"removals.{index['removals']}", point),
        *_recovery_faults(f"recoveries.{index['recoveries']}", point),
    ]


def assurance_faults(study: Study, point: Point) -> Iterator[Problem]:
    """Calibration subsets, and tables of all sets, that cannot be had at this point."""
    sizes = point.model.description.sizes or {}
    there, items = sizes.get("calibration"), point.criterion.plugin.calibration_items
    if study.stability is not None and there is not None and point.criterion.plugin.needs_calibration:
        most = min(there, items or there) - 1
        for number, size in enumerate(study.stability.sizes):
            if size > most:
                message = f"a subset of {size} calibration items; {point.criterion.label!r} reads {most + 1}"
                yield Problem(f"stability.sizes.{number}", f"{message}, so from 2 to {most}")
    if study.optimum is not None:
        fault = table_fault(point.of, study.optimum.up_to)
        yield from [Problem("optimum.up_to", fault)] if fault else []


def uncompared(study: Study, counts: Collection[int | None]) -> Problem | None:
    """What is wrong where every set of the study is larger than those that are all evaluated."""
    up_to = study.optimum.up_to if study.optimum is not None else None
    known = [count for count in counts if count is not None]
    if up_to is None or not known or len(known) < len(counts) or min(known) <= up_to:
        return None
    message = f"{up_to} is below every count of the study, so no selection would be compared; {min(known)} or more"
    return Problem("optimum.up_to", message)


def _amount_faults(index: dict[str, int], point: Point) -> Iterator[Problem]:
    name, target, of, count = point.model.spec.name, point.target, point.of, point.count
    if of < 2:
        yield Problem(f"models.{index['models']}", _too_few(point))
        return
    if point.amount is None:
        yield Problem("criteria", f"{point.criterion.label!r} brings no counts of its own; the study needs 'counts'")
    search = point.criterion.found_search
    largest, fault = search.largest_count, search.fault(of)
    if fault:
        yield Problem(f"criteria.{index['criteria']}.search", fault)
    yield from _budget_faults(point)
    if count is None:
        return
    if not 1 <= count < of:
        word = "nothing" if count < 1 else "everything" if count == of else "more than there is"
        message = f"{point.amount} removes {word}: {name!r} has {of} {target} units; 1 to {of - 1}"
        yield Problem(_amount_place(index, point), message)
    if largest is not None and count > largest:
        yield Problem(f"criteria.{index['criteria']}.search", f"reaches {largest} units at most, not {count}")


def _budget_faults(point: Point) -> Iterator[Problem]:
    """A share that no selection can come near: one that saves less than half of it is refused, once it is made."""
    if point.budget is None or point.budget.cost not in point.removable.most_saved:
        return
    cost, share, most = point.budget.cost, point.budget.share, point.removable.most_saved[point.budget.cost]
    if most < share / 2:
        found = f"{share} is out of reach: all but one of the {point.of} {point.target} units of"
        yield Problem(f"budgets.{cost}", f"{found} {point.model.spec.name!r} save {most:.1%}, less than half of it")


def _amount_place(index: dict[str, int], point: Point) -> str:
    if point.criterion.plugin.own_counts is not None:
        return f"criteria.{index['criteria']}"
    amounts = next(name for name in AMOUNTS if name in index)
    return f"{amounts}.{index[amounts]}"


def _too_few(point: Point) -> str:
    kinds = sorted({sublayer.kind for sublayer in point.model.inventory.sublayers})
    found = f"{point.model.spec.name!r} has {point.of} removable {point.target} units; it needs two"
    return f"{found}; it has sublayers of kind {', '.join(kinds)}" if point.target not in (*kinds, "block") else found


def _criterion_faults(where: str, point: Point) -> Iterator[Problem]:
    plugin = point.criterion.plugin
    if plugin.targets is not None and point.target not in plugin.targets:
        yield Problem(where, f"does not score {point.target!r}; it scores {', '.join(plugin.targets)}")
    if point.removal not in plugin.removals:
        yield Problem(where, f"is not defined for removal {point.removal!r}; it is for {', '.join(plugin.removals)}")
    unfit = plugin.task_fault(point.model.description.task)
    yield from [Problem(where, unfit)] if unfit else []
    if isinstance(plugin, ListCriterion):
        yield from (Problem(where, fault) for fault in plugin.faults(point.removable.units))
    if isinstance(plugin, SpanCriterion) and point.criterion.found_search.name in SpanCriterion.searches:
        fault = plugin.span_fault(point.target)
        yield from [Problem(f"{where}.search", fault)] if fault else []
    items = plugin.calibration_items
    there = point.model.description.sizes.get("calibration") if point.model.description.sizes else None
    if items is not None and there is not None and items > there:
        yield Problem(f"{where}.items", f"asks for {items} calibration items; the data has {there}")


def _transform_faults(where: str, point: Point) -> Iterator[Problem]:
    attentions = len(point.model.removable("attention").units)
    for _, plugin in point.transform.chain:
        fault = plugin.fault(attentions, point.model.inventory.foldable)
        if fault:
            yield Problem(where, f"{fault} (model {point.model.spec.name!r})")
    for fault in misfits(point.transform.chain, point.model.inventory.hidden):
        yield Problem(where, f"{fault} (model {point.model.spec.name!r})")


def _recovery_faults(where: str, point: Point) -> Iterator[Problem]:
    options: object = point.recovery.plugin
    if isinstance(options, TrainOptions):
        fault = task_called(point.model.description.task).training_fault(options)
        yield from [fault.under(where)] if fault else []


def _removal_faults(where: str, point: Point) -> Iterator[Problem]:
    if point.removal == "identity" and point.target != "attention":
        message = f"'identity' is defined for attention, not for {point.target!r}; exclude that combination"
        yield Problem(where, message)
