"""Statistics of a study: intervals, exact paired tests, corrections, detectable differences, Pareto fronts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count

import numpy as np
import numpy.typing as npt

from harness.distributions import (
    binomial_below,
    chi_square_quantile,
    normal_quantile,
    normal_tail,
    t_quantile,
)

EXACT_UP_TO = 20  # differences; beyond, sign flips are sampled
SAMPLED_FLIPS = 100_000
BYTE = 8
RESAMPLES = 4_000
NODES = 64

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A confidence interval, in the unit of what it surrounds."""

    low: float
    high: float


@dataclass(frozen=True)
class Flips:
    """A two-sided sign-flip test: p, and the smallest p that differences of this many signs could have reached.

    `signs` counts the differences that have one, which are those that are not zero.
    """

    p: float
    smallest_p: float
    signs: int
    is_exact: bool


@dataclass(frozen=True)
class Paired:
    """Differences of pairs: mean, standard deviation, 95 % t interval and sign-flip test; null where n is too small."""

    n: int
    mean: float
    sd: float | None
    interval: Interval | None
    differences: tuple[float, ...] = field(repr=False)

    @cached_property
    def flips(self) -> Flips:
        """The test, made when it is asked for: many an estimate needs the interval alone."""
        return sign_flips(self.differences)


def wilson(correct: int, n: int, level: float = 0.95) -> Interval:
    """Wilson's score interval of a share; (0, 1) when nothing was seen."""
    if n == 0:
        return Interval(0.0, 1.0)
    z = normal_quantile((1 + level) / 2)
    share = correct / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Interval(max(0.0, centre - half), min(1.0, centre + half))


def paired_shares(only_first: int, only_second: int, n: int, level: float = 0.95) -> Interval:
    """Interval of the difference of two shares of the same n items, from the items that only one of the two has.

    The Wald interval after one item is added to each of the two kinds (Bonett and Price 2012, J. Educ. Behav. Stat. 37,
    479-488): unlike a bootstrap it is no point where no item differs, so few items never look sure.
    """
    first, second = (only_first + 1) / (n + 2), (only_second + 1) / (n + 2)
    difference = first - second
    half = normal_quantile((1 + level) / 2) * math.sqrt((first + second - difference**2) / (n + 2))
    return Interval(max(-1.0, difference - half), min(1.0, difference + half))


def spread(values: Sequence[float]) -> float | None:
    """Sample standard deviation (n - 1); None for fewer than two values."""
    return float(np.std(np.asarray(values, dtype=float), ddof=1)) if len(values) > 1 else None


def paired(differences: Sequence[float], level: float = 0.95) -> Paired:
    """What paired differences say; raises ValueError when there are none."""
    n = len(differences)
    if n == 0:
        raise ValueError("no pairs to compare")
    mean = float(np.mean(np.asarray(differences, dtype=float)))
    sd = spread(differences)
    interval = None
    if sd is not None:
        half = t_quantile((1 + level) / 2, n - 1) * sd / math.sqrt(n)
        interval = Interval(mean - half, mean + half)
    return Paired(n, mean, sd, interval, tuple(map(float, differences)))


def sign_flips(differences: Sequence[float], seed: int = 0) -> Flips:
    """Share of sign assignments whose sum is at least as far from zero as the observed one.

    Exact over all 2^n assignments for up to 20 differences, else (hits + 1) / (draws + 1) over seeded draws. A
    difference of zero has no sign, so it cannot make the smallest reachable p smaller.
    """
    values = np.asarray(differences, dtype=float)
    seen = abs(float(values.sum())) - 1e-12 * max(1.0, float(np.abs(values).sum()))
    signs = int(np.count_nonzero(values))
    reachable = 2.0 ** -max(0, signs - 1)
    if len(values) <= EXACT_UP_TO:
        sums = np.zeros(1)
        for value in values:
            sums = np.concatenate([sums + value, sums - value])
        return Flips(float(np.mean(np.abs(sums) >= seen)), reachable, signs, is_exact=True)
    hits = int(np.count_nonzero(np.abs(_drawn_sums(values, seed)) >= seen))
    smallest = max(reachable, 1 / (SAMPLED_FLIPS + 1))
    return Flips((hits + 1) / (SAMPLED_FLIPS + 1), smallest, signs, is_exact=False)


def _drawn_sums(values: Array, seed: int) -> Array:
    """Sums of the values under drawn signs; a drawn byte picks the sum of eight of them from all 256 there are."""
    eights = np.resize(np.concatenate([values, np.zeros(-len(values) % BYTE)]), (-(-len(values) // BYTE), BYTE))
    signs = np.unpackbits(np.arange(256, dtype=np.uint8)[None, :], axis=0) * 2.0 - 1
    random, sums = np.random.default_rng(seed), np.zeros(SAMPLED_FLIPS)
    for of_signs in eights @ signs:
        sums += of_signs[random.integers(0, 256, SAMPLED_FLIPS, dtype=np.uint8)]
    return sums


def fewest_signs(level: float) -> int:
    """How many differences a two-sided sign-flip test needs at least to fall to a level: 2 / 2^n of all signs agree."""
    return next(n for n in count(1) if 2 / 2**n <= level)


def holm(ps: Sequence[float]) -> tuple[float, ...]:
    """P values adjusted for their number by Holm's step-down method, in the given order."""
    adjusted = [0.0] * len(ps)
    largest = 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        largest = max(largest, min(1.0, (len(ps) - rank) * ps[place]))
        adjusted[place] = largest
    return tuple(adjusted)


def median_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """Interpolated sign interval of a median: what a bootstrap of it with endless draws tends to, made exact.

    Between the d-th smallest and d-th largest of n values the median lies with probability 1 - 2 P(B < d), B being
    binomial (n, 1/2); the two depths around `level` are interpolated (Hettmansperger and Sheather 1986, Statistics &
    Probability Letters 4, 75-79). Where even the extremes do not reach the level (n < 6 for 95 %), they are the answer.
    """
    ordered = np.sort(np.asarray(values, dtype=float))
    n = len(ordered)
    covered = 1 - 2 * binomial_below(np.arange(n // 2 + 1) - 1, n, 0.5)
    depth = int(np.count_nonzero(covered[1:] >= level))
    if depth == 0 or depth + 1 > n // 2:
        return Interval(float(ordered[max(depth, 1) - 1]), float(ordered[n - max(depth, 1)]))
    inside = float((covered[depth] - level) / (covered[depth] - covered[depth + 1]))
    weight = (n - depth) * inside / (depth + (n - 2 * depth) * inside)
    low = (1 - weight) * ordered[depth - 1] + weight * ordered[depth]
    high = (1 - weight) * ordered[n - depth] + weight * ordered[n - depth - 1]
    return Interval(float(low), float(high))


def percentiles(draws: Array, level: float = 0.95) -> Interval:
    """The middle `level` of what was drawn."""
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def spread_out(values: Array, level: float = 0.95) -> Array:
    """The n values with their deviations from their mean multiplied by sqrt(n / (n - 1)) t / z, to be drawn anew.

    Drawing n values anew sees n - 1 of n parts of their variance, and takes that for the true one; few values need a
    t interval's width (Hesterberg 2015, arXiv 1411.5279). Without it 95 % intervals of 3 values hold the mean in 77 %.
    """
    n, both = len(values), (1 + level) / 2
    widening = math.sqrt(n / (n - 1)) * t_quantile(both, n - 1) / normal_quantile(both)
    return np.asarray(values.mean() + widening * (values - values.mean()), dtype=np.float64)


def detectable(sd: float, n: int, power: float = 0.8, alpha: float = 0.05) -> float | None:
    """Smallest true mean difference that a two-sided paired t test of n pairs finds with this power.

    In the unit of `sd`, the standard deviation of the differences; None for fewer than two pairs.
    """
    if n < 2:
        return None
    limit = t_quantile(1 - alpha / 2, n - 1)
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    # scipy's noncentral t is NaN far out, where two networks lead; so the sample variance is integrated out here.
    thresholds = limit * np.sqrt(chi_square_quantile((nodes + 1) / 2, n - 1) / (n - 1))

    def missing(shift: float) -> float:
        found = normal_tail(thresholds - shift) + normal_tail(thresholds + shift)
        return float(weights @ found) / 2 - power

    # In units of the standard error: with the true variance known, limit + z would do; chance in it costs more.
    return sd / math.sqrt(n) * root(missing, 0.0, 10 * (limit + 2))


def root(of: Callable[[float], float], low: float, high: float) -> float:
    """Where a function is zero between two places at which its signs differ (Brent's method)."""
    from scipy import optimize  # takes longer to load than all else here, and is asked for rarely

    return float(optimize.brentq(of, low, high))


def pareto(points: Sequence[Mapping[str, float]], better: Mapping[str, str]) -> tuple[bool, ...]:
    """For each point, whether no other is at least as good in every metric and better in one.

    `better` says of each metric whether "higher" or "lower" is.
    """
    signs = {metric: 1.0 if way == "higher" else -1.0 for metric, way in better.items()}
    gains = np.array([[sign * point[metric] for metric, sign in signs.items()] for point in points])

    def is_dominated(gain: np.ndarray) -> bool:
        return bool(np.any(np.all(gains >= gain, axis=1) & np.any(gains > gain, axis=1)))

    return tuple(not is_dominated(gain) for gain in gains)
