"""Scores once, on the untouched network; the lowest go first."""

from __future__ import annotations

from harness.criteria.base import Criterion, Scoring, SetCriterion, UnitCriterion
from harness.errors import SpecError
from harness.records import SelectionInfo
from harness.searches.answers import unit_scores
from harness.searches.base import Search, Selection, searches
from harness.searches.cheapest import cheapest
from harness.searches.set_scores import scores_of


@searches.register("one_shot")
class OneShot(Search):
    """Every unit is scored once and by itself; the n lowest are the set of n, so sets are nested.

    A criterion of sets scores each unit as a set of one. One evaluation for all units, or one for each.
    """

    def select(self, criterion: Criterion, scoring: Scoring) -> Selection:
        scores, evaluations = _scores(criterion, scoring)
        order: list[str] = []
        ties: list[tuple[str, ...]] = []
        left = list(scoring.units)
        while left:
            unit, tied = cheapest(left, scores)
            left.remove(unit)
            order.append(unit.name)
            if tied and not any(set(tied) <= set(known) for known in ties):
                ties.append(tied)
        info = SelectionInfo(
            search=self.name,
            nested=True,
            order=tuple(order),
            scores=scores,
            ties=tuple(ties),
            evaluations=evaluations,
        )
        return Selection(sets={count: tuple(order[:count]) for count in range(1, len(order))}, info=info)


def _scores(criterion: Criterion, scoring: Scoring) -> tuple[dict[str, float], int]:
    """A score by unit in the order of `units`, and how often the criterion was asked."""
    if isinstance(criterion, UnitCriterion):
        return unit_scores(criterion, scoring), 1
    if isinstance(criterion, SetCriterion):
        by_set = scores_of(criterion, scoring, [(unit,) for unit in scoring.units])
        return {unit.name: by_set[unit.name,] for unit in scoring.units}, len(scoring.units)
    raise SpecError(f"search one_shot: criterion {criterion.name!r} scores neither units nor sets")
