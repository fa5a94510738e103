"""The deepest first: a control that looks at nothing but the place."""

from __future__ import annotations

from collections.abc import Mapping

from harness.criteria.base import Scoring, UnitCriterion, criteria


@criteria.register("last")
class Last(UnitCriterion):
    """The deepest unit goes first: score = -depth, blocks counted from 0.

    "Reverse order" in the selector ablation of LLM-Drop (arXiv 2406.15786). Free: neither data nor a forward pass.
    """

    needs_calibration = False

    def scores(self, scoring: Scoring) -> Mapping[str, float]:
        return {unit.name: -float(unit.depth) for unit in scoring.units}
