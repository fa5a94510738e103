"""Scores every set, and takes the best of each size."""

from __future__ import annotations

import math
import statistics

from pydantic import Field

from harness.criteria.base import Criterion, Scoring
from harness.errors import SpecError
from harness.records import SelectionInfo
from harness.schema import Json
from harness.searches.base import Search, Selection, searches
from harness.searches.cheapest import ROUNDED, BestOfSize, best_of_each_size
from harness.searches.set_scores import Means, all_scores, of_sets


@searches.register("exhaustive")
class Exhaustive(Search):
    """Scores every set of up to `up_to` units and takes the best of each size: exact, and not nested.

    S_k = argmin over all C(n, k) sets of k units. `steps` holds, for each count, the set, its score, the number of
    sets, and mean, standard deviation (of all of them, not of a sample), lowest and highest of their scores; `scores`
    are those of the sets of one. Sets that tie are told as `a + b`; the one whose first unit is the least deep wins,
    then whose second is, and so on.

    Goes depth first through the blocks, holding only what is given out along the present path (docs/performance.md).
    Scores equal those of each set run by itself.
    """

    is_nested = False

    up_to: int | None = Field(None, ge=1, description="largest set; null: all units but one")
    limit: int = Field(5000, ge=1, description="most sets that are scored; a study with more is refused")
    class_token_only: bool = Field(
        False, description="compute the last block for the class token alone; scores within 0.0001 are then equal"
    )

    @property
    def largest_count(self) -> int | None:
        return self.up_to

    def select(self, criterion: Criterion, scoring: Scoring) -> Selection:
        criterion = of_sets(self.name, criterion)
        units = scoring.units
        most = min(self.up_to or len(units), len(units) - 1)
        fault = self.fault(len(units))
        if fault:
            raise SpecError(f"search exhaustive: {fault}")
        scores = all_scores(criterion, scoring, most, Means(self.class_token_only)) if most else {}
        best = list(best_of_each_size(scores, units, ROUNDED if self.class_token_only else 0.0))
        info = SelectionInfo(
            search=self.name,
            nested=False,
            scores={unit.name: scores[unit.name,] for unit in units} if scores else {},
            steps=tuple(map(_step, best)),
            ties=tuple(tie for one in best for tie in one.told_ties()),
            evaluations=len(scores),
        )
        return Selection(sets={len(one.names): one.names for one in best}, info=info)

    def fault(self, of: int) -> str:
        most = min(self.up_to or of, of - 1)
        number = _sets(of, most)
        if number <= self.limit:
            return ""
        fits = max((k for k in range(1, most) if _sets(of, k) <= self.limit), default=0)
        # Which counts a study asks for is not known here; one above `fits` takes the higher limit.
        smaller = f"for counts up to {fits} 'up_to: {fits}' would do ({_sets(of, fits):,} sets), else " if fits else ""
        found = f"{of} units have {number:,} sets of 1 to {most}, and the limit is {self.limit:,}"
        return f"{found}; {smaller}'limit: {number}'"


def _sets(of: int, most: int) -> int:
    return sum(math.comb(of, count) for count in range(1, most + 1))


def _step(best: BestOfSize) -> dict[str, Json]:
    values = list(best.scores.values())
    return {
        "count": len(best.names),
        "set": list(best.names),
        "score": best.scores[best.names],
        "sets": len(values),
        "mean": statistics.fmean(values),
        "spread": statistics.pstdev(values),
        "lowest": min(values),
        "highest": max(values),
    }
