"""The rank test: exact for few samples and ties, at its level for noise of any shape; the shift with its error."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from harness.regressions.ranks import fewest, shift


def test_without_ties_the_p_values_are_those_of_mann_and_whitney() -> None:
    random = np.random.default_rng(0)
    for n, m in ((4, 7), (7, 4), (9, 60)):
        first, second = random.normal(size=n), random.normal(0.5, 1, size=m)
        found = shift(first, second)
        known = [
            stats.mannwhitneyu(second, first, alternative=way, method="exact").pvalue for way in ("greater", "less")
        ]
        assert (found.p_above, found.p_below) == pytest.approx(tuple(known))


def test_with_ties_the_p_value_counts_every_way_to_deal_the_samples() -> None:
    first, second = np.array([1.0, 1, 2, 2]), np.array([2.0, 2, 3])
    together = np.concatenate([first, second])
    ranks = stats.rankdata(together)
    sums = [sum(ranks[list(chosen)]) for chosen in combinations(range(7), 3)]
    seen = sum(ranks[4:])
    found = shift(first, second)
    assert found.p_above == pytest.approx(np.mean([s >= seen - 1e-9 for s in sums]))
    assert found.p_below == pytest.approx(np.mean([s <= seen + 1e-9 for s in sums]))


def test_three_samples_a_side_can_never_be_surer_than_one_in_twenty() -> None:
    found = shift(np.array([1.0, 2, 3]), np.array([100.0, 200, 300]))
    assert found.p_above == pytest.approx(1 / 20) == found.smallest_p
    assert fewest(1 / 20) == 3
    assert fewest(0.01 / 40) == 8


def test_equal_samples_everywhere_tell_nothing() -> None:
    for n in (5, 40):
        found = shift(np.ones(n), np.ones(n))
        assert (found.estimate, found.error, found.p_above, found.p_below) == (0, 0, 1, 1)


def test_the_shift_is_found_with_its_standard_error() -> None:
    random = np.random.default_rng(1)
    found = [shift(random.normal(size=40), random.normal(0.5, 1, size=40)) for _ in range(200)]
    estimates = [one.estimate for one in found]
    assert np.mean(estimates) == pytest.approx(0.5, abs=0.05)
    assert np.mean([one.error for one in found]) == pytest.approx(np.std(estimates), rel=0.15)


def test_more_samples_than_are_used_are_thinned_evenly() -> None:
    found = shift(np.linspace(0, 1, 5_000), np.linspace(0.5, 1.5, 5_000))
    assert found.estimate == pytest.approx(0.5, abs=0.01)
