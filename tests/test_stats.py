"""Statistics against a second formula, brute force or scipy; a real shift is found, plain noise is not."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as reference

from harness import stats


@pytest.mark.parametrize(("correct", "n"), [(0, 10), (5, 10), (10, 10), (349, 360), (1, 3)])
def test_wilson_agrees_with_scipy(correct: int, n: int) -> None:
    expected = reference.binomtest(correct, n).proportion_ci(method="wilson")
    found = stats.wilson(correct, n)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.05])
def test_the_interval_of_paired_shares_covers_the_difference_at_its_level(share: float) -> None:
    random, n, runs = np.random.default_rng(0), 150, 2000
    draws = random.multinomial(n, [share + 0.02, 0.02, 1 - share - 0.04], runs)
    found = [stats.paired_shares(int(first), int(second), n) for first, second, _ in draws]
    assert sum(one.low <= share <= one.high for one in found) / runs >= 0.94


def test_items_that_never_differ_leave_room_for_a_difference() -> None:
    found = stats.paired_shares(0, 0, 150)
    assert found.low == -found.high
    assert 0.01 < found.high < 0.03


def test_wilson_of_nothing_is_everything() -> None:
    assert stats.wilson(0, 0) == stats.Interval(0.0, 1.0)


def test_the_t_interval_agrees_with_scipy() -> None:
    values = np.random.default_rng(0).normal(1, 2, 9)
    expected = reference.ttest_1samp(values, 0).confidence_interval(0.95)
    found = stats.paired(values.tolist())
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx((expected.low, expected.high))
    assert (found.mean, found.sd) == pytest.approx((values.mean(), values.std(ddof=1)))


def test_one_pair_has_no_spread_and_no_interval() -> None:
    found = stats.paired([0.3])
    assert (found.n, found.sd, found.interval, found.flips.p) == (1, None, None, 1.0)


def test_no_pairs_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="no pairs"):
        stats.paired([])


def brute_force(values: Sequence[float]) -> float:
    signs = list(itertools.product((-1, 1), repeat=len(values)))
    sums = [abs(math.fsum(s * v for s, v in zip(row, values, strict=True))) for row in signs]
    return sum(total >= abs(math.fsum(values)) - 1e-9 for total in sums) / len(signs)


@given(st.lists(st.integers(-20, 20).map(lambda i: i / 4), min_size=1, max_size=9))
def test_sign_flips_agree_with_brute_force(values: list[float]) -> None:
    assert stats.sign_flips(values).p == pytest.approx(brute_force(values))


def test_sign_flips_agree_with_scipy() -> None:
    values = np.random.default_rng(3).normal(0.6, 1, 10)
    expected = reference.permutation_test(
        (values,), lambda v: float(np.mean(v)), permutation_type="samples", n_resamples=2000, vectorized=False
    ).pvalue
    assert stats.sign_flips(values.tolist()).p == pytest.approx(float(expected))


@pytest.mark.parametrize(("n", "smallest"), [(1, 1.0), (2, 0.5), (5, 0.0625), (6, 0.03125)])
def test_the_smallest_reachable_p_is_that_of_equal_signs(n: int, smallest: float) -> None:
    found = stats.sign_flips([1.0 + i for i in range(n)])
    assert (found.p, found.smallest_p, found.is_exact) == (smallest, smallest, True)


def test_differences_of_zero_do_not_lower_the_smallest_p() -> None:
    found = stats.sign_flips([1.0, 2.0, 0.0, 0.0, 0.0, 0.0])
    assert (found.p, found.smallest_p, found.signs) == (0.5, 0.5, 2)
    assert stats.sign_flips([0.0, 0.0]).p == 1.0


def test_many_differences_are_sampled_and_say_so() -> None:
    values = np.random.default_rng(4).normal(0.3, 1, 24).tolist()
    found = stats.sign_flips(values)
    assert not found.is_exact
    assert found.p == pytest.approx(float(reference.ttest_1samp(values, 0).pvalue), abs=0.03)
    assert found == stats.sign_flips(values)


def test_plain_noise_is_rarely_called_a_difference() -> None:
    generator = np.random.default_rng(5)
    ps = [stats.sign_flips(generator.normal(0, 1, 8).tolist()).p for _ in range(400)]
    assert 0.02 < np.mean(np.array(ps) <= 0.05) < 0.08


def test_holm_follows_the_textbook() -> None:
    # Holm (1979): 4 x 0.005, 3 x 0.01, 2 x 0.03, 1 x 0.04, made monotone.
    assert stats.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert stats.holm([0.9, 0.8]) == (1.0, 1.0)
    assert stats.holm([]) == ()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_rejects_what_step_down_rejects(ps: list[float]) -> None:
    rejected, ordered = set[int](), sorted(range(len(ps)), key=lambda i: ps[i])
    for rank, place in enumerate(ordered):
        if (len(ps) - rank) * ps[place] > 0.05:
            break
        rejected.add(place)
    assert {i for i, p in enumerate(stats.holm(ps)) if p <= 0.05} == rejected


def test_the_interval_of_a_median_is_what_a_bootstrap_tends_to() -> None:
    ratios = np.random.default_rng(6).lognormal(0.1, 0.05, 30)
    expected = reference.bootstrap(
        (ratios,), np.median, method="percentile", n_resamples=4000, rng=np.random.default_rng(1)
    ).confidence_interval
    found = stats.median_interval(ratios.tolist())
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.006)


def test_the_interval_of_a_median_lies_between_the_two_sign_intervals_around_its_level() -> None:
    values = sorted(np.random.default_rng(5).normal(size=20).tolist())
    assert [1 - 2 * reference.binom.cdf(d - 1, 20, 0.5) >= 0.95 for d in (6, 7)] == [True, False]
    found = stats.median_interval(values)
    assert values[5] < found.low < values[6]
    assert values[13] < found.high < values[14]


@pytest.mark.parametrize("values", [[3.0], [1.0, 2.0], [5.0, 1.0, 4.0, 2.0, 3.0]])
def test_few_values_give_their_extremes(values: list[float]) -> None:
    assert stats.median_interval(values) == stats.Interval(min(values), max(values))


@pytest.mark.parametrize("pairs", [30, 60])
@pytest.mark.parametrize("variation", [0.02, 0.05])
def test_the_interval_of_a_median_ratio_covers_it_at_its_level(pairs: int, variation: float) -> None:
    generator, spread = np.random.default_rng(pairs), math.sqrt(math.log1p(variation**2))
    times = generator.lognormal(0, spread, (2000, 2, pairs))
    intervals = [stats.median_interval((own / other).tolist()) for own, other in times]
    assert 0.94 <= np.mean([i.low <= 1 <= i.high for i in intervals]) <= 0.96


@pytest.mark.parametrize("n", [3, 6, 10, 30])
def test_the_detectable_difference_has_the_power_that_the_noncentral_t_says(n: int) -> None:
    shift = stats.detectable(2.0, n)
    assert shift is not None
    limit, centre = reference.t.ppf(0.975, n - 1), shift / 2.0 * math.sqrt(n)
    power = reference.nct.sf(limit, n - 1, centre) + reference.nct.cdf(-limit, n - 1, centre)
    assert power == pytest.approx(0.8, abs=1e-3)


def test_the_detectable_difference_is_found_in_four_of_five_simulations() -> None:
    shift = stats.detectable(1.0, 6)
    assert shift is not None
    samples = np.random.default_rng(8).normal(shift, 1, (20_000, 6))
    assert np.mean(reference.ttest_1samp(samples, 0, axis=1).pvalue <= 0.05) == pytest.approx(0.8, abs=0.012)


def test_one_network_can_detect_nothing_and_two_can_only_detect_much() -> None:
    assert stats.detectable(1.0, 1) is None
    assert stats.detectable(1.0, 2) == pytest.approx(11.55, abs=0.01)
    assert stats.detectable(0.0, 6) == 0.0


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12))
def test_the_pareto_front_agrees_with_brute_force(pairs: list[tuple[int, int]]) -> None:
    points = [{"accuracy": float(a), "cost": float(c)} for a, c in pairs]
    expected = tuple(not any(a2 >= a and c2 <= c and (a2 > a or c2 < c) for a2, c2 in pairs) for a, c in pairs)
    assert stats.pareto(points, {"accuracy": "higher", "cost": "lower"}) == expected


@pytest.mark.parametrize("level", [0.05, 0.01])
def test_with_the_fewest_signs_a_test_can_fall_to_its_level_and_with_one_less_it_cannot(level: float) -> None:
    fewest = stats.fewest_signs(level)
    assert stats.sign_flips([1.0] * fewest).p <= level < stats.sign_flips([1.0] * (fewest - 1)).p
