"""Scores of a growing set with each of some units more, by a criterion of sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from harness.criteria.base import Scoring, SetCriterion
from harness.families.base import Unit
from harness.searches.cheapest import ties
from harness.searches.set_scores import Gathered, Means, Units, refuse_means, walker_of, walks

if TYPE_CHECKING:
    from torch import Tensor


class Growth(Protocol):
    """A set that begins empty."""

    def scores(self, candidates: Sequence[Unit]) -> dict[str, float]:
        """The score of the set with each candidate, by the candidate's name."""

    def accept(self, unit: Unit) -> None:
        """Makes a candidate part of the set."""


def growth_of(
    criterion: SetCriterion, scoring: Scoring, means: Means, *, tolerance: float = 0.0, anew: bool = False
) -> Growth:
    """Through shared prefixes, or one by one where the criterion runs its sets itself.

    Candidates that differ by no more than `tolerance` are equal. `anew` compares each candidate with the network
    without the set, instead of with the whole network.
    """
    if walks(criterion):
        return _Shared(criterion, scoring, means, tolerance, anew)
    refuse_means(criterion, means)
    return _Restarted(criterion, scoring) if anew else _OneByOne(criterion, scoring)


class _Shared:
    """Candidates rerun only what comes after their place."""

    def __init__(self, criterion: SetCriterion, scoring: Scoring, means: Means, tolerance: float, anew: bool) -> None:
        self._criterion, self._scoring = criterion, scoring
        self._tolerance, self._anew = tolerance, anew
        self._growing = walker_of(criterion, scoring, means).growing()
        self._make = criterion.tallies(scoring, self._growing.untouched)
        self._reads: dict[str, list[Tensor]] = {}  # by candidate, batch by batch

    def scores(self, candidates: Sequence[Unit]) -> dict[str, float]:
        gathered = Gathered(self._scoring, self._make)
        chosen = tuple(unit.name for unit in self._growing.chosen)
        lowest: list[float] = []
        self._reads = {}

        def seen(units: Units, index: int, read: Tensor) -> None:
            gathered.seen(units, index, read)
            if self._anew:
                self._reads.setdefault(units[-1].name, []).append(read.clone())

        def is_best(unit: Unit) -> bool:
            score = gathered.scores[*chosen, unit.name]
            if lowest and (score > lowest[-1] or ties(score, lowest[-1], self._tolerance)):
                return False
            lowest.append(score)
            return True

        self._growing.extensions(candidates, seen, is_best)
        return {unit.name: gathered.scores[*chosen, unit.name] for unit in candidates}

    def accept(self, unit: Unit) -> None:
        self._growing.accept(unit)
        if self._anew:
            self._make = self._criterion.tallies(self._scoring, tuple(self._reads[unit.name]))


class _OneByOne:
    """Every set is run by itself, in the criterion's own way."""

    def __init__(self, criterion: SetCriterion, scoring: Scoring) -> None:
        self._score = criterion.set_score(scoring)
        self._chosen: Units = ()

    def scores(self, candidates: Sequence[Unit]) -> dict[str, float]:
        return {unit.name: self._score((*self._chosen, unit)) for unit in candidates}

    def accept(self, unit: Unit) -> None:
        self._chosen = (*self._chosen, unit)


class _Restarted:
    """The same, every time on a network that begins without the set."""

    def __init__(self, criterion: SetCriterion, scoring: Scoring) -> None:
        self._criterion, self._scoring = criterion, scoring
        self._chosen: Units = ()

    def scores(self, candidates: Sequence[Unit]) -> dict[str, float]:
        with self._scoring.without(self._chosen):
            score = self._criterion.set_score(replace(self._scoring, units=tuple(candidates)))
            return {unit.name: score((unit,)) for unit in candidates}

    def accept(self, unit: Unit) -> None:
        self._chosen = (*self._chosen, unit)
