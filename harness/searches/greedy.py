"""Grows a set by the unit that costs least beside those already in it."""

from __future__ import annotations

from pydantic import Field

from harness.criteria.base import Criterion, Scoring
from harness.searches.base import Search, Selection, searches
from harness.searches.cheapest import ROUNDED
from harness.searches.growth import growth_of
from harness.searches.path import Path
from harness.searches.set_scores import Means, of_sets


@searches.register("greedy")
class Greedy(Search):
    """Grows the set by the unit that costs least beside those already in it; so sets are nested.

    S_0 = {}; S_k+1 = S_k + argmin over i outside S_k of score(S_k + i). n (n + 1) / 2 - 1 evaluations for n units.
    `steps` holds, for each count, the unit, the score of the set and the scores of all candidates. The last unit of
    the order is what remains: it is not scored.

    What blocks before a candidate give out is kept, so that a candidate reruns only blocks from its own on, and the
    winner none (docs/performance.md). Scores equal those of each set run by itself.
    """

    up_to: int | None = Field(None, ge=1, description="largest set; null: all units but one")
    class_token_only: bool = Field(
        False, description="compute the last block for the class token alone; scores within 0.0001 are then equal"
    )
    spill: bool = Field(False, description="keep what blocks give out in the host's memory, not on the GPU")

    @property
    def largest_count(self) -> int | None:
        return self.up_to

    def select(self, criterion: Criterion, scoring: Scoring) -> Selection:
        criterion = of_sets(self.name, criterion)
        path = Path(list(scoring.units), ROUNDED if self.class_token_only else 0.0)
        means = Means(self.class_token_only, self.spill)
        growth = growth_of(criterion, scoring, means, tolerance=path.tolerance)
        evaluations = 0
        while path.goes_on(self.up_to):
            scores = growth.scores(path.left)
            evaluations += len(scores)
            growth.accept(path.take(scores))
        return path.selection(self.name, evaluations)
