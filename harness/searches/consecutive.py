"""Of all runs of adjacent units the cheapest, for every length."""

from __future__ import annotations

from harness.criteria.base import Criterion, Scoring, SpanCriterion, runs
from harness.errors import SpecError
from harness.records import SelectionInfo
from harness.schema import Json
from harness.searches.base import Search, Selection, searches
from harness.searches.cheapest import cheapest_set
from harness.searches.set_scores import Names


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
        asked = [tuple(unit.name for unit in run) for run in runs(scoring.units)]
        given = criterion.span_scores(scoring)
        by_count: dict[int, dict[Names, float]] = {}
        for names in (names for names in asked if names in given):
            by_count.setdefault(len(names), {})[names] = given[names]
        sets: dict[int, Names] = {}
        steps: list[dict[str, Json]] = []
        tied: list[tuple[str, ...]] = []
        for count, found in sorted(by_count.items()):
            sets[count], equals = cheapest_set(found, scoring.units)
            candidates: dict[str, Json] = {names[0]: score for names, score in found.items()}
            chosen: list[Json] = list(sets[count])
            steps.append({"count": count, "set": chosen, "score": found[sets[count]], "candidates": candidates})
            tied += [tuple(" + ".join(names) for names in equals)] if equals else []
        info = SelectionInfo(
            search=self.name,
            nested=False,
            scores={names[0]: score for names, score in by_count.get(1, {}).items()},
            steps=tuple(steps),
            ties=tuple(tied),
            evaluations=sum(map(len, by_count.values())),
        )
        return Selection(sets=sets, info=info)
