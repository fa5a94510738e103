"""Two-level resampling against variances that are known, and McNemar's test against the binomial sum."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.resampling import crossed, item_interval, mcnemar, mcnemar_detectable, nested, ratio_interval

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


def test_the_paired_bootstrap_has_the_variance_of_the_differences() -> None:
    found = item_interval(60, 20, 1000)
    differences = np.repeat([1.0, -1.0, 0.0], [60, 20, 920])
    half = 1.96 * differences.std() / math.sqrt(1000)
    assert (found.low + found.high) / 2 == pytest.approx(0.04, abs=0.002)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.06)


def test_drawing_kinds_of_items_is_drawing_items() -> None:
    differences = np.repeat([1, -1, 0], [7, 2, 91])
    drawn = np.random.default_rng(5).choice(differences, (20_000, 100)).mean(axis=1)
    found = item_interval(7, 2, 100)
    assert [found.low, found.high] == pytest.approx(np.quantile(drawn, [0.025, 0.975]).tolist(), abs=0.0101)


def test_predictors_that_never_differ_have_an_interval_of_one_point() -> None:
    found = item_interval(0, 0, 50)
    assert (found.low, found.high) == (0.0, 0.0)


@pytest.mark.parametrize(("discordant", "alpha"), [(12, 0.05), (40, 0.05), (40, 0.001), (300, 0.05 / 60)])
def test_the_detectable_difference_is_found_in_80_percent_of_simulated_studies(discordant: int, alpha: float) -> None:
    items, studies = 1000, 4000
    difference = mcnemar_detectable(discordant, items, alpha)
    assert difference is not None
    favour = (difference * items / discordant + 1) / 2
    wins = np.random.default_rng(discordant).binomial(discordant, favour, studies)
    ps = {int(won): mcnemar(int(won), discordant - int(won)) for won in np.unique(wins)}
    found = np.mean([ps[int(won)] <= alpha for won in wins])
    assert found == pytest.approx(0.8, abs=4 * math.sqrt(0.8 * 0.2 / studies))


def test_of_many_discordant_items_it_is_the_normal_approximation() -> None:
    # Connor 1987 (Biometrics 43:207): n d^2 = (z_a sqrt(s) + z_b sqrt(s - d^2))^2 with s the discordant share.
    items, share, z_a, z_b = 50_000, 0.1, 1.959964, 0.841621
    found = mcnemar_detectable(int(items * share), items)
    assert found is not None
    expected = (z_a * math.sqrt(share) + z_b * math.sqrt(share - found**2)) / math.sqrt(items)
    assert found == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(("discordant", "alpha"), [(0, 0.05), (5, 0.05), (9, 0.001)])
def test_too_few_discordant_items_can_show_no_difference(discordant: int, alpha: float) -> None:
    assert mcnemar_detectable(discordant, 100, alpha) is None
    assert mcnemar(discordant, 0) > alpha


def test_six_discordant_items_may_show_one_when_all_lie_on_one_side() -> None:
    assert mcnemar(6, 0) <= 0.05
    assert mcnemar_detectable(6, 100) == pytest.approx((2 * 0.8 ** (1 / 6) - 1) * 0.06, rel=1e-3)


def test_resamples_drawn_in_parts_are_those_drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(3)
    parts, wholes = tuple(random.normal(0, 1, 37)), tuple(random.uniform(1, 2, 37))
    at_once = ratio_interval(parts, wholes)
    monkeypatch.setattr("harness.resampling.MOST_AT_ONCE", 5 * 37 + 1)
    ratio_interval.cache_clear()
    assert ratio_interval(parts, wholes) == at_once
