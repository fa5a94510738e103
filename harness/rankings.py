"""How far two rankings agree: Kendall's tau-b, shared first places, intervals over networks."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import TypeVar

import numpy as np

from harness.distributions import mean_ranks
from harness.stats import RESAMPLES, Interval, percentiles, spread_out

FEWEST = 3  # values; an interval by resampling two says nothing

Name = TypeVar("Name", bound=Hashable)


def tau(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Kendall's tau-b of two rankings of the same things; None where one of them ranks nothing.

    (pairs in the same order - pairs in opposite order) / sqrt((pairs not tied in one)(pairs not tied in the other)).
    """
    if len(first) != len(second):
        raise ValueError(f"rankings of {len(first)} and of {len(second)} things cannot be compared")
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    one, other = (np.sign(np.subtract.outer(ranks, ranks)) for ranks in (np.asarray(first), np.asarray(second)))
    # Each pair stands there twice, in the sum and in both counts.
    return float((one * other).sum() / math.sqrt(np.count_nonzero(one) * np.count_nonzero(other)))


def overlap(first: Sequence[Name], second: Sequence[Name], top: int) -> float:
    """Share of the first `top` of one order that is among the first `top` of the other."""
    if not 1 <= top <= min(len(first), len(second)):
        raise ValueError(f"the first {top} of {min(len(first), len(second))} things do not exist")
    return len(set(first[:top]) & set(second[:top])) / top


def places(order: Sequence[Name]) -> dict[Name, float]:
    """Ranks of an order, from 1."""
    return {name: float(place) for place, name in enumerate(order, start=1)}


def ranked(values: dict[Name, float]) -> dict[Name, float]:
    """Ranks of values from 1, the lowest first; equal ones share the mean of their ranks."""
    return dict(zip(values, map(float, mean_ranks(list(values.values()))), strict=True))


def mean_interval(values: Sequence[float], seed: int = 0, level: float = 0.95) -> Interval | None:
    """Seeded bootstrap interval of a mean, as wide as so few values need; None for fewer than three."""
    if len(values) < FEWEST:
        return None
    held = spread_out(np.asarray(values, dtype=float), level)
    picks = np.random.default_rng(seed).integers(0, len(held), (RESAMPLES, len(held)))
    return percentiles(held[picks].mean(axis=1), level)
