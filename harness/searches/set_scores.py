"""Scores of sets by a criterion of sets: through shared prefixes, or one by one where it has a way of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, TypeAlias

from harness.criteria.base import Criterion, Scoring, SetCriterion, Tally, score_of
from harness.errors import SpecError
from harness.families.base import Unit

if TYPE_CHECKING:
    from torch import Tensor

    from harness.prefixes import Walker

Names: TypeAlias = tuple[str, ...]
Units: TypeAlias = tuple[Unit, ...]


@dataclass(frozen=True)
class Means:
    """How sets are run: the last block for the class token alone; kept outputs in the host's memory."""

    class_token_only: bool = False
    spill: bool = False


def of_sets(search: str, criterion: Criterion) -> SetCriterion:
    """The criterion as one that scores sets; raises SpecError for any other."""
    if not isinstance(criterion, SetCriterion):
        raise SpecError(f"search {search}: criterion {criterion.name!r} scores units, not sets; one_shot would do")
    return criterion


def walks(criterion: SetCriterion) -> bool:
    """Whether a criterion's sets may share passes: it leaves it to others how a set is run."""
    return type(criterion).set_score is SetCriterion.set_score


def walker_of(criterion: SetCriterion, scoring: Scoring, means: Means) -> Walker:
    """The walker over a scoring's units that reads what the criterion reads."""
    from harness.prefixes import Walker

    return Walker(
        scoring.net,
        lambda batch: criterion.read(scoring, batch),
        scoring.without,
        scoring.batches,
        scoring.units,
        class_token_only=means.class_token_only,
        device="cpu" if means.spill else None,
        share=scoring.shares_prefixes,
    )


def scores_of(criterion: SetCriterion, scoring: Scoring, sets: Iterable[Units]) -> dict[Names, float]:
    """The score of each given set, by the names of its units."""
    if not walks(criterion):
        return _one_by_one(criterion, scoring, sets)
    walker = walker_of(criterion, scoring, Means())
    found = Gathered(scoring, criterion.tallies(scoring, walker.untouched()))
    walker.each(sets, found.seen)
    return found.scores


def all_scores(criterion: SetCriterion, scoring: Scoring, up_to: int, means: Means) -> dict[Names, float]:
    """The score of every set of 1 to `up_to` units, each in order of depth."""
    if not walks(criterion):
        refuse_means(criterion, means)
        sizes = range(1, up_to + 1)
        return _one_by_one(criterion, scoring, (gone for size in sizes for gone in combinations(scoring.units, size)))
    walker = walker_of(criterion, scoring, means)
    found = Gathered(scoring, criterion.tallies(scoring, walker.untouched()))
    walker.every(up_to, found.seen, smallest=1)
    return found.scores


class Gathered:
    """Takes what is read of sets, batch by batch, and gives their scores."""

    def __init__(self, scoring: Scoring, make: Callable[[], Tally]) -> None:
        self.scores: dict[Names, float] = {}
        self._scoring, self._make = scoring, make
        self._open: dict[Names, Tally] = {}

    def seen(self, units: Units, index: int, read: Tensor) -> None:
        """One batch of one set; the score is there after the last."""
        names = tuple(unit.name for unit in units)
        if index == 0:
            self._open[names] = self._make()
        self._open[names].update(read, self._scoring.batches[index].to(self._scoring.device), index)
        if index == len(self._scoring.batches) - 1:
            self.scores[names] = score_of(self._open.pop(names), units)


def _one_by_one(criterion: SetCriterion, scoring: Scoring, sets: Iterable[Units]) -> dict[Names, float]:
    score = criterion.set_score(scoring)
    return {tuple(unit.name for unit in units): score(units) for units in sets}


def refuse_means(criterion: SetCriterion, means: Means) -> None:
    """Raises SpecError where a criterion runs its sets itself and is asked to run them otherwise."""
    if means.class_token_only:
        raise SpecError(f"class_token_only: criterion {criterion.name!r} runs its sets itself; leave it out")
