"""The shallowest first: a control that looks at nothing but the place."""

from __future__ import annotations

from collections.abc import Mapping

from harness.criteria.base import Scoring, UnitCriterion, criteria


@criteria.register("first")
class First(UnitCriterion):
    """The shallowest unit goes first: score = depth, blocks counted from 0.

    The opposite of `last`, and the control beside it. Free: neither data nor a forward pass.
    """

    needs_calibration = False

    def scores(self, scoring: Scoring) -> Mapping[str, float]:
        return {unit.name: float(unit.depth) for unit in scoring.units}
