"""What a criterion answers, checked before a search goes by it: a mapping, with a number for every unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from harness.criteria.base import Criterion, Scoring, UnitCriterion
from harness.errors import SpecError

K = TypeVar("K")
V = TypeVar("V")


def mapping(criterion: Criterion, given: Mapping[K, V]) -> Mapping[K, V]:
    """What was given, as it is; raises SpecError where it is no mapping."""
    if not isinstance(given, Mapping):
        raise SpecError(f"criterion {criterion.name!r} gives a {type(given).__name__}, no mapping")
    return given


def unit_scores(criterion: UnitCriterion, scoring: Scoring) -> dict[str, float]:
    """A score for each unit, in the order of `units`; raises SpecError where one is missing or no number."""
    given = mapping(criterion, criterion.scores(scoring))
    missing = [unit.name for unit in scoring.units if unit.name not in given]
    if missing:
        more = f" and {len(missing) - 1} more" if missing[1:] else ""
        raise SpecError(f"criterion {criterion.name!r} gives no score for {missing[0]}{more}")
    return {unit.name: _number(criterion, unit.name, given[unit.name]) for unit in scoring.units}


def _number(criterion: Criterion, name: str, given: object) -> float:
    try:
        return float(given)  # type: ignore[arg-type]  # what is none is told
    except (TypeError, ValueError):
        raise SpecError(f"criterion {criterion.name!r} gives {given!r} for {name}, no number") from None
