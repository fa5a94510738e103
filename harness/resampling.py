"""Differences seen at two levels, networks and their items, or architectures and their networks, drawn anew at both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

from harness.stats import RESAMPLES, Interval, percentiles, spread_out

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


def mcnemar(only_first: int, only_second: int) -> float:
    """Exact two-sided p that two predictors of the same items differ: a fair coin on the items that one got right.

    1 where they never differ. It speaks of these two predictors, not of how they came about.
    """
    n = only_first + only_second
    return 1.0 if n == 0 else float(stats.binomtest(only_first, n).pvalue)
