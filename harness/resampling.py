"""Differences over items, networks and architectures: what is drawn anew, and what McNemar's test can tell."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from harness.distributions import binomial_below
from harness.stats import RESAMPLES, Interval, percentiles, root, spread_out

MOST_AT_ONCE = 1_000_000  # items that are drawn in one go
FEWEST = 2  # groups; of one group no spread between groups is known


def crossed(differences: Sequence[Sequence[float]], seed: int = 0, level: float = 0.95) -> Interval | None:
    """Interval of the mean of `differences[network][item]` where all networks saw the same items.

    Networks are drawn anew with replacement, and so are items; an item that is drawn is drawn for every network, since
    what is hard about it is hard for all of them. What sets networks apart is widened (`stats.spread_out`), for they
    are few. None for fewer than two networks or no item.
    """
    table = np.asarray(differences, dtype=float)
    if table.ndim != 2 or len(table) < FEWEST or not table.shape[1]:
        return None
    means = table.mean(axis=1)
    table = table + (spread_out(means, level) - means)[:, None]
    # Items on which all networks differ alike are drawn together: few kinds, however many items.
    kinds, sizes = np.unique(table, axis=1, return_counts=True)
    random = np.random.default_rng(seed)
    weights = random.multinomial(int(sizes.sum()), sizes / sizes.sum(), RESAMPLES) / sizes.sum()
    of_network = weights @ kinds.T
    picks = random.integers(0, len(table), (RESAMPLES, len(table)))
    return percentiles(np.take_along_axis(of_network, picks, axis=1).mean(axis=1), level)


def nested(groups: Sequence[Sequence[float]], seed: int = 0, level: float = 0.95) -> Interval | None:
    """Interval of the mean of group means, groups and members within them drawn anew; None below two groups.

    What sets groups apart is widened (`stats.spread_out`), for they are few.
    """
    held = [np.asarray(group, dtype=float) for group in groups if len(group)]
    if len(held) < FEWEST:
        return None
    centres = np.array([group.mean() for group in held])
    held = [group + shift for group, shift in zip(held, spread_out(centres, level) - centres, strict=True)]
    random = np.random.default_rng(seed)
    means = np.zeros(RESAMPLES)
    for _ in held:
        picks = random.integers(0, len(held), RESAMPLES)
        for number, group in enumerate(held):
            chosen = np.flatnonzero(picks == number)
            members = random.integers(0, len(group), (len(chosen), len(group)))
            means[chosen] += group[members].mean(axis=1) / len(held)
    return percentiles(means, level)


@lru_cache(maxsize=4096)
def mcnemar(only_first: int, only_second: int) -> float:
    """Exact two-sided p that two predictors of the same items differ: a fair coin on the items that one got right.

    1 where they never differ. It speaks of these two predictors, not of how they came about.
    """
    n = only_first + only_second
    return 1.0 if n == 0 else min(1.0, 2 * float(binomial_below(min(only_first, only_second), n, 0.5)))


def item_interval(only_first: int, only_second: int, items: int, seed: int = 0, level: float = 0.95) -> Interval:
    """Paired percentile-bootstrap interval of the difference of two shares of the same items, as a share of them.

    An item is drawn with both its verdicts; as only three kinds of items differ, drawing them is one multinomial draw.
    It speaks of these two predictors on other items. Where no item differs it is one point, which proves nothing.
    """
    both = items - only_first - only_second
    drawn = np.random.default_rng(seed).multinomial(items, np.array([only_first, only_second, both]) / items, RESAMPLES)
    return percentiles((drawn[:, 0] - drawn[:, 1]) / items, level)


@lru_cache(maxsize=512)  # criteria that choose alike ask the same again
def ratio_interval(
    parts: tuple[float, ...], wholes: tuple[float, ...], seed: int = 0, level: float = 0.95
) -> Interval | None:
    """Percentile-bootstrap interval of sum(parts) / sum(wholes), items drawn anew with both; None for fewer than two.

    What sets items apart is widened (`stats.spread_out`), as they may be few.
    """
    if len(parts) < FEWEST:
        return None
    weights = np.asarray(wholes, dtype=float)
    mean = float(np.sum(parts)) / float(weights.sum())
    rests = np.asarray(parts, dtype=float) - mean * weights  # of sum 0: what items add to the ratio beyond its value
    spread, random = spread_out(rests, level), np.random.default_rng(seed)
    drawn = []
    for rows in _rows_at_once(len(weights)):
        picks = random.integers(0, len(weights), (rows, len(weights)))
        drawn.append(spread[picks].sum(axis=1) / weights[picks].sum(axis=1))
    return percentiles(mean + np.concatenate(drawn), level)


def _rows_at_once(items: int) -> list[int]:
    """How many resamples are drawn at a time, so that memory does not grow with the items."""
    most = max(1, MOST_AT_ONCE // items)
    return [min(most, RESAMPLES - start) for start in range(0, RESAMPLES, most)]


@lru_cache(maxsize=4096)
def mcnemar_detectable(discordant: int, items: int, alpha: float = 0.05, power: float = 0.8) -> float | None:
    """Smallest true difference of two shares that McNemar's exact test finds with this power, as a share of items.

    Given m discordant items the test is one of a fair coin (McNemar 1947, Psychometrika 12:153), and so is its power
    (Miettinen 1968, Biometrics 24:339): it rejects where X >= c or X <= m - c, with c the smallest count for which
    2 P(Bin(m, 1/2) >= c) <= alpha. With q the probability that a discordant item favours the better of the two, q
    solves P(Bin(m, q) >= c) + P(Bin(m, q) <= m - c) = power, and the difference is (2 q - 1) m / items. None where m
    is too small for any count to be significant.
    """
    # m - c: under a fair coin X >= c is as likely as X <= m - c.
    highest = np.count_nonzero(binomial_below(np.arange(discordant), discordant, 0.5) <= alpha / 2) - 1
    if highest < 0:
        return None

    def missing(favour: float) -> float:
        found = binomial_below(highest, discordant, 1 - favour) + binomial_below(highest, discordant, favour)
        return float(found) - power

    favour = root(missing, 0.5, 1.0)
    return (2 * favour - 1) * discordant / items
