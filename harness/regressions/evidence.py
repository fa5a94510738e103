"""What samples of two sides say of one noisy metric: how far it moved, and how sure that is within and between runs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from harness.distributions import normal_quantile, t_quantile, t_tail
from harness.records import Measurement
from harness.regressions.ranks import Shift, shift
from harness.stats import Array, median_interval

BETWEEN = 0.006  # sd of a paired ratio from run to run: of two copies of one network, docs/performance.md
BETWEEN_RESIDENT = 0.08  # the same of bytes of a whole process: of the shipped runtimes' repeated runs
FEWEST_FREEDOM = 10  # repeated runs that estimate it, beyond the first of each
POWER = 0.95  # with which a detectable change would have been seen
WIDTH = 2 * 1.959964  # standard errors that a 95 % interval is wide


@dataclass(frozen=True)
class Series:
    """One noisy metric of one trial on one side: of each run the logarithms of its samples, or of paired ratios."""

    runs: tuple[Array, ...]

    @property
    def samples(self) -> Array:
        """Those of all runs."""
        return np.concatenate(self.runs)


@dataclass(frozen=True)
class Spread:
    """The standard deviation of a logarithm from run to run, and the degrees of freedom that it was estimated with."""

    sd: float
    freedom: float = math.inf

    def tail(self, distance: float) -> float:
        """P of a value above so many standard errors: of t where the spread is an estimate."""
        return t_tail(distance, self.freedom)

    def limit(self, p: float) -> float:
        """The standard errors that `tail` gives a p."""
        return -t_quantile(p, self.freedom)


@dataclass(frozen=True)
class Evidence:
    """`worse` is the logarithm by which the metric moved for the worse; p values are one-sided and not adjusted."""

    worse: float
    error: float
    p_worse: float
    p_better: float
    smallest_p: float
    spread: Spread

    def change(self, better: str) -> float:
        """The share by which the metric itself is larger on the second side."""
        return math.expm1(self.worse if better == "lower" else -self.worse)

    def detectable(self, level: float, effect: float) -> float:
        """The smallest worsening, as a share, that is seen with 95 % probability at a one-sided level."""
        least = max(math.log1p(effect), self.spread.limit(level) * self.error)
        return math.expm1(least + normal_quantile(POWER) * self.error)


def series(measurements: Iterable[Measurement], *, is_ratio: bool) -> Series | str:
    """The samples of a metric over runs, or why there are none."""
    found: list[Array] = []
    for m in measurements:
        own = np.asarray(m.samples, dtype=float)
        if is_ratio:
            base = np.asarray(m.baseline_samples, dtype=float)
            if len(base) != len(own):
                return "its samples and the baseline's are not in pairs"
            if len(base) and base.min() <= 0:
                return "a sample of the baseline is not above zero"
            own = own / base
        if not len(own):
            return "its samples were not kept"
        if own.min() <= 0:
            return "a sample is not above zero"
        found.append(np.log(own))
    return Series(tuple(found)) if found else "not measured"


def between_runs(many: Sequence[Series]) -> Spread | None:
    """The spread between runs, pooled over all series that have several; None where they are too few to tell.

    What samples vary within runs is taken off, so that long runs and short ones estimate the same.
    """
    squares = freedom = 0.0
    within: list[float] = []
    for one in many:
        if len(one.runs) > 1:
            squares += float(np.var([np.median(run) for run in one.runs])) * len(one.runs)
            freedom += len(one.runs) - 1
            within += [_error_of_median(run) ** 2 for run in one.runs]
    if freedom < FEWEST_FREEDOM:
        return None
    return Spread(math.sqrt(max(0.0, squares / freedom - float(np.mean(within)))), freedom)


def evidence(first: Series, second: Series, better: str, spread: Spread) -> Evidence:
    """Both tests at once: by ranks within the runs, and against what runs differ by; the larger p holds.

    The first keeps its level for noise of any shape and few samples, as long as runs do not differ; the second
    allows for what no samples of one run can show.
    """
    way = 1.0 if better == "lower" else -1.0
    found = shift(way * first.samples, way * second.samples)
    runs = 1 / len(first.runs) + 1 / len(second.runs)
    error = math.hypot(found.error, spread.sd * math.sqrt(runs))
    return Evidence(
        worse=found.estimate,
        error=error,
        p_worse=max(found.p_above, _tail(found, error, spread, 1)),
        p_better=max(found.p_below, _tail(found, error, spread, -1)),
        smallest_p=found.smallest_p,
        spread=spread,
    )


def _tail(found: Shift, error: float, spread: Spread, way: int) -> float:
    distance = way * found.estimate
    if error == 0:
        return 0.0 if distance > 0 else 1.0
    return spread.tail(distance / error)


def _error_of_median(run: Array) -> float:
    held = median_interval(run.tolist())
    return (held.high - held.low) / WIDTH
