"""Two-level resampling against variances that are known, and McNemar's test against the binomial sum."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.resampling import crossed, mcnemar, nested

T_11, T_14 = 2.2010, 2.1448  # upper 2.5 % points of Student's t


def test_items_shared_by_all_networks_keep_their_common_spread() -> None:
    # Networks that differ alike on every item: averaging over networks must not make the items count more.
    items = np.random.default_rng(1).integers(-1, 2, 500)
    found = crossed([list(items)] * 6)
    assert found is not None
    half = 1.96 * items.std() / math.sqrt(500)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.06)


def test_networks_are_drawn_anew() -> None:
    # Every item of a network alike: only the networks vary.
    shifts = np.random.default_rng(2).normal(0, 0.1, 12)
    found = crossed([[shift] * 50 for shift in shifts])
    assert found is not None
    half = T_11 * shifts.std(ddof=1) / math.sqrt(12)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.06)


def test_both_levels_add_their_variances() -> None:
    random = np.random.default_rng(3)
    table = random.normal(0, 0.2, (12, 1)) + random.normal(0, 1.0, (1, 80))
    found = crossed(table.tolist())
    assert found is not None
    variance = (T_11 / 1.96) ** 2 * table.mean(axis=1).var(ddof=1) / 12 + table.mean(axis=0).var() / 80
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * math.sqrt(variance), rel=0.08)


def test_one_network_or_no_item_has_no_interval() -> None:
    assert crossed([[1.0, 0.0]]) is None
    assert crossed([[], []]) is None


def test_groups_count_as_one_each_however_many_members_they_have() -> None:
    found = nested([[0.0] * 3, [1.0] * 300])
    assert found is not None
    assert (found.low + found.high) / 2 == pytest.approx(0.5)


def test_groups_and_members_add_their_variances() -> None:
    random = np.random.default_rng(4)
    groups = [list(random.normal(shift, 1.0, 20)) for shift in random.normal(0, 1.0, 15)]
    found = nested(groups)
    assert found is not None
    means = [float(np.mean(group)) for group in groups]
    variance = (T_14 / 1.96) ** 2 * np.var(means, ddof=1) / 15 + float(
        np.mean([np.var(group) / 20 for group in groups])
    ) / 15
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * math.sqrt(variance), rel=0.08)


def test_one_group_has_no_interval() -> None:
    assert nested([[1.0, 2.0, 3.0]]) is None


@pytest.mark.parametrize(("first", "second"), [(0, 5), (1, 9), (7, 3), (4, 4)])
def test_mcnemar_is_the_two_sided_binomial_sum(first: int, second: int) -> None:
    n, least = first + second, min(first, second)
    tail = sum(math.comb(n, k) for k in range(least + 1)) / 2**n
    assert mcnemar(first, second) == pytest.approx(min(1.0, 2 * tail))


def test_predictors_that_never_differ_have_p_one() -> None:
    assert mcnemar(0, 0) == 1.0


@pytest.mark.parametrize("n", [2, 4, 8])
def test_of_few_groups_too_95_percent_intervals_hold_the_mean_that_often(n: int) -> None:
    random = np.random.default_rng(n)
    held = 0
    for _ in range(60):
        found = nested([list(random.normal(shift, 0.5, 3)) for shift in random.normal(0, 1, n)])
        assert found is not None
        held += found.low <= 0 <= found.high
    assert held >= 52
