"""Grows a set by the unit that costs least beside those already in it."""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.criteria.base import Criterion, Scoring, SetCriterion, SetScore
from harness.errors import SpecError
from harness.families.base import Unit
from harness.records import SelectionInfo
from harness.schema import Json
from harness.searches.base import Search, Selection, searches
from harness.searches.cheapest import cheapest


@searches.register("greedy")
class Greedy(Search):
    """Grows the set by the unit that costs least beside those already in it; so sets are nested.

    S_0 = {}; S_k+1 = S_k + argmin over i outside S_k of score(S_k + i). n (n + 1) / 2 - 1 evaluations for n units.
    `steps` holds, for each count, the unit, the score of the set and the scores of all candidates. The last unit of
    the order is what remains: it is not scored.
    """

    def select(self, criterion: Criterion, scoring: Scoring) -> Selection:
        if not isinstance(criterion, SetCriterion):
            message = f"search greedy: criterion {criterion.name!r} scores units, not sets; one_shot would do"
            raise SpecError(message)
        path = _Path(criterion.set_score(scoring), list(scoring.units))
        while len(path.left) > 1:
            path.grow()
        order = tuple(unit.name for unit in (*path.chosen, *path.left))
        info = SelectionInfo(
            search=self.name,
            nested=True,
            order=order,
            scores=path.first_scores,
            steps=tuple(path.steps),
            ties=tuple(path.ties),
            evaluations=path.evaluations,
        )
        return Selection(sets={count: order[:count] for count in range(1, len(order))}, info=info)


@dataclass
class _Path:
    """Where the search stands: units chosen so far in order, units left, and what was seen."""

    score: SetScore
    left: list[Unit]
    chosen: list[Unit] = field(default_factory=list)
    first_scores: dict[str, float] = field(default_factory=dict)
    steps: list[dict[str, Json]] = field(default_factory=list)
    ties: list[tuple[str, ...]] = field(default_factory=list)
    evaluations: int = 0

    def grow(self) -> None:
        scores = {unit.name: self.score((*self.chosen, unit)) for unit in self.left}
        unit, tied = cheapest(self.left, scores)
        self.left.remove(unit)
        self.chosen.append(unit)
        self.steps.append({"unit": unit.name, "score": scores[unit.name], "candidates": dict(scores)})
        self.first_scores = self.first_scores or scores
        self.ties += [tied] if tied else []
        self.evaluations += len(scores)
