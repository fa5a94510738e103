"""Of all runs of adjacent units the cheapest, for every length."""

from __future__ import annotations

from harness.criteria.base import Criterion, Scoring, SpanCriterion, runs
from harness.errors import SpecError
from harness.records import SelectionInfo
from harness.schema import Json
from harness.searches.answers import mapping
from harness.searches.base import Search, Selection, searches
from harness.searches.cheapest import BestOfSize, best_of_each_size


@searches.register("consecutive")
class Consecutive(Search):
    """Removes adjacent units together: for each count the run of that many units with the lowest score; not nested.

    S_k = argmin over the n - k + 1 runs of k units of the score of the run as a whole: LLM-Drop's drop of consecutive
    blocks (arXiv 2406.15786). No block lies between two units of a run. `steps` holds, for each count, the set, its
    score and the scores of all runs by their first unit; `scores` are those of the runs of one. Ties go to the run
    that begins first. A run across which the stream changes its shape has no score, and is never chosen; a count that
    only such runs have gets no set.
    """

    is_nested = False

    def select(self, criterion: Criterion, scoring: Scoring) -> Selection:
        if not isinstance(criterion, SpanCriterion):
            raise SpecError(f"search consecutive: criterion {criterion.name!r} scores no runs of units")
        given = mapping(criterion, criterion.span_scores(scoring))
        asked = (tuple(unit.name for unit in run) for run in runs(scoring.units))
        scores = {names: given[names] for names in asked if names in given}
        best = list(best_of_each_size(scores, scoring.units))
        info = SelectionInfo(
            search=self.name,
            nested=False,
            scores={names[0]: score for names, score in scores.items() if len(names) == 1},
            steps=tuple(map(_step, best)),
            ties=tuple(tie for one in best for tie in one.told_ties()),
            evaluations=len(scores),
        )
        return Selection(sets={len(one.names): one.names for one in best}, info=info)


def _step(best: BestOfSize) -> dict[str, Json]:
    return {
        "count": len(best.names),
        "set": list(best.names),
        "score": best.scores[best.names],
        "candidates": {names[0]: score for names, score in best.scores.items()},
    }
