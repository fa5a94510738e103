"""Which of some candidates goes next, and which others would have done as well."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from harness.families.base import Unit

TIE = 1e-12  # scores that differ by no more than this share of the larger are equal


def cheapest(candidates: Sequence[Unit], scores: Mapping[str, float]) -> tuple[Unit, tuple[str, ...]]:
    """The candidate of lowest score, and the names of all that tie with it (none when it is alone).

    A tie goes to the lowest depth, and within a block to what comes first in `candidates`. Raises ArithmeticError
    for a score that is no finite number.
    """
    for unit in candidates:
        if not math.isfinite(scores[unit.name]):
            raise ArithmeticError(f"the score of {unit.name} is {scores[unit.name]}, not a finite number")
    lowest = min(scores[unit.name] for unit in candidates)
    tied = [unit for unit in candidates if math.isclose(scores[unit.name], lowest, rel_tol=TIE)]
    return min(tied, key=lambda unit: unit.depth), tuple(unit.name for unit in tied) if len(tied) > 1 else ()
