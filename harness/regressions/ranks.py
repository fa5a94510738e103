"""Two sets of samples by their ranks: a test that noise of any shape keeps to its level, and the shift with its error.

Mann and Whitney 1947 (Annals of Mathematical Statistics 18:50), Hodges and Lehmann 1963 (ibid. 34:598).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from harness.distributions import mean_ranks, normal_quantile, normal_tail
from harness.stats import Array

EXACT_UP_TO = 10  # samples of the smaller side; beyond, the normal limit has heavier tails than the truth
MOST = 400  # samples of a side that are used; more say nothing that an effect of per cents needs
INTERVAL = 0.95  # of the interval whose width gives the standard error


@dataclass(frozen=True)
class Shift:
    """second - first: Hodges and Lehmann's estimate, its standard error, and one-sided p values by ranks.

    `smallest_p` is what the most extreme samples of these sizes would give.
    """

    estimate: float
    error: float
    p_above: float
    p_below: float
    smallest_p: float


def shift(first: Array, second: Array) -> Shift:
    """What the samples say of the shift between their distributions; neither side may be empty.

    The p values are exact, ties included, where a side has few samples: over all ways to deal the ranks to both sides.
    """
    first, second = _thinned(first), _thinned(second)
    gaps = np.sort((second[:, None] - first[None, :]).ravel())
    above, below = _tails(first, second)
    return Shift(float(np.median(gaps)), _error(gaps, len(first), len(second)), above, below, _smallest(first, second))


def fewest(level: float) -> int:
    """Samples that both sides need for a p at or below a level to be possible at all."""
    return next(n for n in range(1, 100) if 1 / math.comb(2 * n, n) <= level)


def _thinned(samples: Array) -> Array:
    return samples if len(samples) <= MOST else samples[np.linspace(0, len(samples) - 1, MOST).astype(int)]


def _smallest(first: Array, second: Array) -> float:
    return float(1 / special.comb(len(first) + len(second), len(first)))


def _error(gaps: Array, n: int, m: int) -> float:
    """From the width of the interval that the ranks of all differences give, for any distribution (Lehmann 1963)."""
    z = normal_quantile((1 + INTERVAL) / 2)
    depth = max(0, math.floor(n * m / 2 - z * math.sqrt(n * m * (n + m + 1) / 12)))
    return float(gaps[-1 - depth] - gaps[depth]) / (2 * z)


def _tails(first: Array, second: Array) -> tuple[float, float]:
    """P of a rank sum of the second at least, and at most, as high as the one seen, where both are alike."""
    n, m = len(first), len(second)
    ranks = mean_ranks(np.concatenate([first, second]))
    seen = float(ranks[n:].sum())
    if min(n, m) <= EXACT_UP_TO:
        return _exact(ranks, seen, m) if m <= n else _exact(ranks, float(ranks[:n].sum()), n)[::-1]
    _, ties = np.unique(ranks, return_counts=True)
    total = n + m
    variance = n * m / 12 * (total + 1 - float((ties**3 - ties).sum()) / (total * (total - 1)))
    if variance == 0:
        return 1.0, 1.0
    distance, sd = seen - m * (total + 1) / 2, math.sqrt(variance)
    return float(normal_tail((distance - 0.5) / sd)), float(normal_tail((-distance - 0.5) / sd))


def _exact(ranks: Array, seen: float, size: int) -> tuple[float, float]:
    """Both tails of the sum of `size` of the ranks, each way to choose them being as likely."""
    doubled = np.rint(2 * ranks).astype(int)  # ranks of ties are halves
    ways = np.zeros((size + 1, int(np.sort(doubled)[-size:].sum()) + 1))
    ways[0, 0] = 1
    for rank in doubled:
        for chosen in range(size, 0, -1):
            ways[chosen, rank:] += ways[chosen - 1, : len(ways[0]) - rank]
    shares = ways[size] / ways[size].sum()
    place = round(2 * seen)
    return float(min(1.0, shares[place:].sum())), float(min(1.0, shares[: place + 1].sum()))
