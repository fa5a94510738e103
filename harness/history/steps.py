"""Steps in a series of noisy numbers: tested exactly against no step at all, then looked for on either side.

Two questions are asked of a series. Does it fall into two parts of different means? And, where that is not shown: does
a stretch within it differ from the rest, as when a slow-down came and was mended? The statistic of both is the share of
the sum of squares that the best such division explains. Its distribution without any step follows from the number of
points alone where they vary normally and alike, and is simulated, so that the level is exact however few there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from harness.stats import Array

LEVEL, LEVEL_INSIDE = 0.01, 0.005  # of either question; a series without a step shows one in at most their sum
APART = 2  # points on either side of a step, at least: one alone may be an outlier
FEWEST = 4  # points of a series that can show a step
DRAWS, FEWEST_DRAWS = 20_000, 2_000
MOST_WORK = 200_000_000  # draws times divisions; of long series fewer are drawn
EQUAL = 1e-12  # relative; what is nearer differs by rounding
CHUNK = 4_000_000  # numbers that are held at once

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Break:
    """The first point of a new level, both levels (means up to the next step), and the p value that it was found by."""

    place: int
    before: float
    after: float
    p: float


def breaks(values: Array) -> tuple[Break, ...]:
    """Every step in values (n,) that stand in order, first to last."""
    if len(values) < FEWEST:
        return ()
    found = sorted(_found(np.asarray(values, dtype=float), 0))
    ends = [0, *(place for place, _ in found), len(values)]
    means = [float(np.mean(values[a:b])) for a, b in pairwise(ends)]
    return tuple(Break(place, means[i], means[i + 1], p) for i, (place, p) in enumerate(found))


def _found(values: Array, start: int) -> list[tuple[int, float]]:
    """Places and p values, unordered; each part between two of them is asked anew."""
    n = len(values)
    if n < FEWEST or np.ptp(values) <= EQUAL * np.max(np.abs(values)):
        return []
    for inside, level in ((False, LEVEL), (True, LEVEL_INSIDE)):
        share, ends = _best(values, inside)
        null = _null(n, inside)
        p = float(np.count_nonzero(null >= share) + 1) / (len(null) + 1)
        if p <= level:
            cuts = [0, *(end for end in ends if 0 < end < n), n]
            deeper = [_found(values[a:b], start + a) for a, b in pairwise(cuts)]
            return [(start + cut, p) for cut in cuts[1:-1]] + [one for part in deeper for one in part]
    return []


def _best(values: Array, inside: bool) -> tuple[float, tuple[int, int]]:
    """The largest share of the sum of squares that a stretch explains, and where it begins and ends."""
    shares = _shares(values[None, :], inside)[0]
    at = int(np.argmax(shares))
    return float(shares.flat[at]), divmod(at, shares.shape[1])


def _shares(values: Array, inside: bool) -> Array:
    """For series (m, n) the share (m, a, b) that each stretch explains; of two parts one begins at 0: (m, 1, b)."""
    centred = values - values.mean(axis=1, keepdims=True)
    sums = np.concatenate([np.zeros((len(values), 1)), np.cumsum(centred, axis=1)], axis=1)
    weights = _weights(values.shape[1], inside)
    starts = sums if inside else sums[:, :1]
    total = np.sum(centred**2, axis=1)[:, None, None]
    shares: Array = weights * (sums[:, None, :] - starts[:, :, None]) ** 2 / total
    return shares


@lru_cache(maxsize=256)
def _weights(n: int, inside: bool) -> Array:
    """What a stretch's squared sum of deviations weighs, by where it begins and ends; zero where it may not."""
    begin, end = np.arange(n + 1 if inside else 1)[:, None], np.arange(n + 1)[None, :]
    length = end - begin
    is_allowed: Mask = (length >= APART) & (n - length >= APART)
    is_allowed &= ((begin == 0) | (begin >= APART)) & ((end == n) | (n - end >= APART))
    weights = np.zeros(length.shape)
    held = length[is_allowed]
    weights[is_allowed] = n / (held * (n - held))
    return weights


@lru_cache(maxsize=256)
def _null(n: int, inside: bool) -> Array:
    """Largest shares of series of n normal numbers without a step: what the share of a series is held against."""
    size = (n + 1) ** 2 if inside else n + 1
    draws = max(FEWEST_DRAWS, min(DRAWS, MOST_WORK // size))
    rows = max(1, CHUNK // size)
    generator = np.random.default_rng([n, int(inside)])
    found = [
        _shares(generator.standard_normal((min(rows, draws - done), n)), inside).max(axis=(1, 2))
        for done in range(0, draws, rows)
    ]
    return np.concatenate(found)
