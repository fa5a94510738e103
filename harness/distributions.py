"""Quantiles and tails of the few distributions that tests and intervals need, from scipy's special functions alone.

`scipy.stats` has all of them and takes two thirds of a second to load, at the start of every command that compares.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import special

Array = npt.NDArray[np.float64]


@lru_cache
def normal_quantile(share: float) -> float:
    """The value that a standard normal variable stays below with this probability."""
    return float(special.ndtri(share))


def normal_tail(value: npt.ArrayLike) -> Array:
    """The probability that a standard normal variable exceeds each value."""
    return np.asarray(special.ndtr(-np.asarray(value, dtype=float)))


def t_quantile(share: float, freedom: float) -> float:
    """The value that Student's t stays below with this probability; endless degrees of freedom make it normal."""
    return normal_quantile(share) if math.isinf(freedom) else float(special.stdtrit(freedom, share))


def t_tail(value: float, freedom: float) -> float:
    """The probability that Student's t exceeds a value."""
    return float(normal_tail(value)) if math.isinf(freedom) else float(special.stdtr(freedom, -value))


def chi_square_quantile(share: Array, freedom: float) -> Array:
    """The values that a chi-square variable stays below with these probabilities."""
    return np.asarray(2 * special.gammaincinv(freedom / 2, share), dtype=np.float64)


def binomial_below(count: npt.ArrayLike, n: int, share: float) -> Array:
    """The probability of at most so many successes in n trials; 0 for fewer than none."""
    asked = np.asarray(count, dtype=float)
    inside = np.clip(asked, 0, n - 1)  # the incomplete beta function is not defined at the ends
    found = special.betainc(n - inside, inside + 1, 1 - share)
    return np.asarray(np.where(asked < 0, 0.0, np.where(asked >= n, 1.0, found)))


def mean_ranks(values: npt.ArrayLike) -> Array:
    """Ranks from 1, the lowest first; equal values share the mean of their ranks."""
    _, places, many = np.unique(np.asarray(values, dtype=float), return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(many) - (many - 1) / 2)[places])
