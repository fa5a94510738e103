"""Which of some candidates goes next, and which others would have done as well."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from harness.families.base import Unit

TIE = 1e-12  # scores that differ by no more than this share of the larger are equal
ROUNDED = 1e-4  # scores that differ by no more are equal where the class token is computed alone


def cheapest(
    candidates: Sequence[Unit], scores: Mapping[str, float], tolerance: float = 0.0
) -> tuple[Unit, tuple[str, ...]]:
    """The candidate of lowest score, and the names of all that tie with it (none when it is alone).

    A tie goes to the lowest depth, and within a block to what comes first in `candidates`. Raises ArithmeticError
    for a score that is no finite number.
    """
    for unit in candidates:
        if not math.isfinite(scores[unit.name]):
            raise ArithmeticError(f"the score of {unit.name} is {scores[unit.name]}, not a finite number")
    lowest = min(scores[unit.name] for unit in candidates)
    tied = [unit for unit in candidates if ties(scores[unit.name], lowest, tolerance)]
    return min(tied, key=lambda unit: unit.depth), tuple(unit.name for unit in tied) if len(tied) > 1 else ()


def cheapest_set(
    scores: Mapping[tuple[str, ...], float], units: Iterable[Unit], tolerance: float = 0.0
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """The set of lowest score, its units in order of depth, and all sets that tie with it (none when it is alone).

    A tie goes to the set that comes first when sets are compared by their units' places in `units`, first unit first.
    Raises ArithmeticError for a score that is no finite number.
    """
    places = {unit.name: place for place, unit in enumerate(units)}
    for names, score in scores.items():
        if not math.isfinite(score):
            raise ArithmeticError(f"the score of {', '.join(names)} is {score}, not a finite number")
    lowest = min(scores.values())
    tied = [names for names, score in scores.items() if ties(score, lowest, tolerance)]
    tied.sort(key=lambda names: [places[name] for name in names])
    return tied[0], tuple(tied) if len(tied) > 1 else ()


class BestOfSize(NamedTuple):
    """All scored sets of one size, the one of lowest score, and all that tie with it (none when it is alone)."""

    names: tuple[str, ...]
    scores: Mapping[tuple[str, ...], float]
    ties: tuple[tuple[str, ...], ...]

    def told_ties(self) -> list[tuple[str, ...]]:
        """The tie as a selection tells it, sets written as `a + b`."""
        return [tuple(" + ".join(names) for names in self.ties)] if self.ties else []


def best_of_each_size(
    scores: Mapping[tuple[str, ...], float], units: Iterable[Unit], tolerance: float = 0.0
) -> Iterator[BestOfSize]:
    """The cheapest set of each size that has a score, the smallest first."""
    by_size: dict[int, dict[tuple[str, ...], float]] = {}
    for names, score in scores.items():
        by_size.setdefault(len(names), {})[names] = score
    for _, found in sorted(by_size.items()):
        best, equals = cheapest_set(found, units, tolerance)
        yield BestOfSize(best, found, equals)


def ties(score: float, lowest: float, tolerance: float = 0.0) -> bool:
    """Whether a score is the lowest but for rounding."""
    return math.isclose(score, lowest, rel_tol=TIE, abs_tol=tolerance)
