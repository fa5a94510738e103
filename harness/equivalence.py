"""Are two sets of positive samples equivalent within a margin, different, or is it undecided?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from scipy import special

from harness.stats import Array, Interval

ALPHA = 0.05  # of each of the two one-sided tests, and of the two-sided test for a difference
FEWEST = 2  # samples of one side; one alone has no spread
Verdict: TypeAlias = Literal["equivalent", "different", "undecided"]


@dataclass(frozen=True)
class Ratio:
    """second / first, of geometric means; `interval` holds it with a confidence of 1 - 2 ALPHA, and decides.

    `p_equivalent` is the larger p of the two one-sided tests, `p_different` that of Welch's two-sided test. All three
    are None where a side has too few samples.
    """

    verdict: Verdict
    ratio: float
    interval: Interval | None = None
    p_equivalent: float | None = None
    p_different: float | None = None


def compared(first: Sequence[float], second: Sequence[float], margin: float) -> Ratio:
    """Two one-sided t tests of unequal variances (Schuirmann 1987; Welch 1947) on the logarithms of positive samples.

    Equivalent is a ratio above 1 / (1 + margin) and below 1 + margin, each shown at the level ALPHA: the same as an
    interval inside of both. What is not shown to be equivalent is different where Welch's two-sided test says so, and
    undecided elsewhere. Raises ValueError for a sample that has no logarithm.
    """
    if not first or not second or min(*first, *second, math.inf) <= 0:
        raise ValueError("only samples above zero have a logarithm, and none is nothing to compare")
    one, two = np.log(np.asarray(first, dtype=float)), np.log(np.asarray(second, dtype=float))
    shift = float(two.mean() - one.mean())
    if min(len(one), len(two)) < FEWEST:
        return Ratio("undecided", math.exp(shift))
    error, freedom = _error(one, two)
    bound = math.log1p(margin)
    p_equivalent = max(_tail(shift - bound, error, freedom), _tail(-shift - bound, error, freedom))
    p_different = min(1.0, 2 * _tail(-abs(shift), error, freedom))
    half = float(special.stdtrit(freedom, 1 - ALPHA)) * error
    interval = Interval(math.exp(shift - half), math.exp(shift + half))
    otherwise: Verdict = "different" if p_different < ALPHA else "undecided"
    verdict: Verdict = "equivalent" if p_equivalent < ALPHA else otherwise
    return Ratio(verdict, math.exp(shift), interval, p_equivalent, p_different)


def _error(one: Array, two: Array) -> tuple[float, float]:
    """Standard error of the difference of two means, and its degrees of freedom by Welch and Satterthwaite."""
    sizes = (len(one), len(two))
    shares = [float(side.var(ddof=1)) / len(side) for side in (one, two)]
    below = sum(share**2 / (size - 1) for share, size in zip(shares, sizes, strict=True))
    return math.sqrt(sum(shares)), sum(shares) ** 2 / below if below else float(sum(sizes) - 2)


def _tail(distance: float, error: float, freedom: float) -> float:
    """The lower tail of t at distance / error; without any error the sign of the distance is certain."""
    if not error:
        return 0.0 if distance < 0 else 1.0
    return float(special.stdtr(freedom, distance / error))
