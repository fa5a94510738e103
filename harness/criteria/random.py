"""Chance: the control that every criterion has to beat."""

from __future__ import annotations

from collections.abc import Mapping

from harness.criteria.base import Scoring, UnitCriterion, criteria


@criteria.register("random")
class Random(UnitCriterion):
    """Chance: independent scores, uniform on [0, 1), from the selection seed; every order is equally likely.

    Free: neither data nor a forward pass. Several draws tell how much of a result is luck.
    """

    needs_calibration = False
    is_random = True

    def scores(self, scoring: Scoring) -> Mapping[str, float]:
        import numpy as np

        drawn = np.random.default_rng(scoring.seed).random(len(scoring.units))
        return {unit.name: float(score) for unit, score in zip(scoring.units, drawn, strict=True)}
