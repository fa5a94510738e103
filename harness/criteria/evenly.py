"""Evenly spaced units: a control that looks at nothing but the place."""

from __future__ import annotations

from collections.abc import Mapping

from harness.criteria.base import ListCriterion, Scoring, criteria


@criteria.register("evenly")
class Evenly(ListCriterion):
    """Evenly spaced: of n units in order of depth the k at the places floor((i + 1/2) n / k), i = 0 .. k - 1.

    The middle of each of k equal parts: the places (i + 1/2) n / k - 1/2, rounded half up. A set of 3 does not hold
    the set of 2, so these sets are not nested. LayerDrop's "every other" (Fan, Grave and Joulin, arXiv 1909.11556) for
    any count. Free: neither data nor a forward pass.
    """

    needs_calibration = False

    def sets(self, scoring: Scoring) -> Mapping[int, tuple[str, ...]]:
        names = [unit.name for unit in scoring.units]
        return {count: tuple(names[i] for i in places(count, len(names))) for count in range(1, len(names))}


def places(count: int, of: int) -> tuple[int, ...]:
    """The middles of `count` equal parts of 0 .. `of` - 1, rising and distinct."""
    return tuple((2 * i + 1) * of // (2 * count) for i in range(count))
