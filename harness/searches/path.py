"""The way of a search that takes one unit after the other: the order, what each step saw, and ties."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.families.base import Unit
from harness.records import SelectionInfo
from harness.schema import Json
from harness.searches.base import Selection
from harness.searches.cheapest import cheapest


@dataclass
class Path:
    """Units chosen so far in order, units left in order of depth, and what was seen."""

    left: list[Unit]
    tolerance: float = 0.0
    chosen: list[Unit] = field(default_factory=list)
    _first_scores: dict[str, float] = field(default_factory=dict)
    _steps: list[dict[str, Json]] = field(default_factory=list)
    _ties: list[tuple[str, ...]] = field(default_factory=list)

    def goes_on(self, up_to: int | None) -> bool:
        """Whether a unit may still go: one always stays."""
        return len(self.left) > 1 and (up_to is None or len(self.chosen) < up_to)

    def take(self, scores: Mapping[str, float]) -> Unit:
        """Chooses the cheapest of those left, by their scores in this step."""
        unit, tied = cheapest(self.left, scores, self.tolerance)
        candidates = {one.name: scores[one.name] for one in self.left}
        self.left.remove(unit)
        self.chosen.append(unit)
        self._steps.append({"unit": unit.name, "score": scores[unit.name], "candidates": dict(candidates)})
        self._first_scores = self._first_scores or candidates
        self._ties += [tied] if tied else []
        return unit

    def selection(self, search: str, evaluations: int) -> Selection:
        """Nested sets; a last unit that is left ends the order."""
        ended = self.left if len(self.left) == 1 else []
        order = tuple(unit.name for unit in (*self.chosen, *ended))
        info = SelectionInfo(
            search=search,
            nested=True,
            order=order,
            scores=self._first_scores,
            steps=tuple(self._steps),
            ties=tuple(self._ties),
            evaluations=evaluations,
        )
        return Selection(sets={count: order[:count] for count in range(1, len(self.chosen) + 1)}, info=info)
