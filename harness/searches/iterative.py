"""Takes the cheapest unit, then scores what is left again, on the network without it."""

from __future__ import annotations

from dataclasses import replace

from pydantic import Field

from harness.criteria.base import Criterion, Scoring, SetCriterion, UnitCriterion
from harness.errors import SpecError
from harness.searches.answers import unit_scores
from harness.searches.base import Search, Selection, searches
from harness.searches.growth import growth_of
from harness.searches.path import Path
from harness.searches.set_scores import Means


@searches.register("iterative")
class Iterative(Search):
    """Takes the cheapest unit, then scores the others again on the network without those taken; sets are nested.

    S_0 = {}; S_k+1 = S_k + argmin over i outside S_k of score of i in the network without S_k. LLM-Drop's iterative
    form ("What Matters in Transformers?", arXiv 2406.15786). One evaluation of the criterion for each step. `steps`
    holds, for each count, the unit, its score and the scores of all that were left; `scores` are those of the first
    step. The last unit of the order is what remains: it is not scored again.

    A criterion of sets scores each unit as a set of one, and compares with the network as it then stands: where that
    is with the whole network, it is `greedy`.
    """

    up_to: int | None = Field(None, ge=1, description="largest set; null: all units but one")

    @property
    def largest_count(self) -> int | None:
        return self.up_to

    def select(self, criterion: Criterion, scoring: Scoring) -> Selection:
        path = Path(list(scoring.units))
        if isinstance(criterion, UnitCriterion):
            while path.goes_on(self.up_to):
                path.take(_scores(criterion, scoring, path))
            return path.selection(self.name, len(path.chosen))
        if not isinstance(criterion, SetCriterion):
            raise SpecError(f"search iterative: criterion {criterion.name!r} scores neither units nor sets")
        growth = growth_of(criterion, scoring, Means(), anew=True)
        evaluations = 0
        while path.goes_on(self.up_to):
            scores = growth.scores(path.left)
            evaluations += len(scores)
            growth.accept(path.take(scores))
        return path.selection(self.name, evaluations)


def _scores(criterion: UnitCriterion, scoring: Scoring, path: Path) -> dict[str, float]:
    if not path.chosen:
        return unit_scores(criterion, scoring)
    with scoring.without(tuple(path.chosen)):
        return unit_scores(criterion, replace(scoring, units=tuple(path.left)))
