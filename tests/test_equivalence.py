"""Two one-sided tests: against scipy's, and against the errors that they promise, on seeded samples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from harness.equivalence import ALPHA, Verdict, compared

MARGIN = 0.05
STUDIES = 2000


def _samples(ratio: float, spread: float, sizes: tuple[int, int], seed: int) -> tuple[list[float], list[float]]:
    """Log-normal samples around 2 ms, the second ones `ratio` times as large; `spread` is that of the logarithms."""
    draws = np.random.default_rng(seed)
    first, second = (np.exp(draws.normal(math.log(0.002), spread, size)) for size in sizes)
    return list(map(float, first)), list(map(float, ratio * second))


def _rate(verdict: Verdict, ratio: float, spread: float, sizes: tuple[int, int] = (30, 30)) -> float:
    found = [compared(*_samples(ratio, spread, sizes, seed), MARGIN).verdict for seed in range(STUDIES)]
    return found.count(verdict) / STUDIES


def _noise(rate: float) -> float:
    """Three standard errors of a simulated rate."""
    return 3 * math.sqrt(rate * (1 - rate) / STUDIES)


@pytest.mark.parametrize("sizes", [(30, 30), (3, 5), (8, 40)])
def test_both_tests_are_scipys(sizes: tuple[int, int]) -> None:
    first, second = _samples(1.02, 0.03, sizes, seed=5)
    found, bound = compared(first, second, MARGIN), math.log(1 + MARGIN)
    one, two = np.log(first), np.log(second)
    lower = stats.ttest_ind(two + bound, one, equal_var=False, alternative="greater").pvalue
    upper = stats.ttest_ind(two - bound, one, equal_var=False, alternative="less").pvalue
    assert found.p_equivalent == pytest.approx(max(lower, upper), rel=1e-9)
    assert found.p_different == pytest.approx(stats.ttest_ind(one, two, equal_var=False).pvalue, rel=1e-9)
    held = stats.ttest_ind(two, one, equal_var=False).confidence_interval(1 - 2 * ALPHA)
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx((math.exp(held.low), math.exp(held.high)))


@pytest.mark.parametrize("ratio", [1 + MARGIN, 1 / (1 + MARGIN)])
@pytest.mark.parametrize(("spread", "sizes"), [(0.02, (30, 30)), (0.05, (30, 30)), (0.02, (3, 3)), (0.1, (10, 40))])
def test_at_the_edge_of_the_margin_at_most_one_in_twenty_is_called_equivalent(
    ratio: float, spread: float, sizes: tuple[int, int]
) -> None:
    assert _rate("equivalent", ratio, spread, sizes) <= ALPHA + _noise(ALPHA)


def test_at_the_edge_the_rate_is_used_up_where_samples_are_many() -> None:
    assert _rate("equivalent", 1 + MARGIN, 0.02) == pytest.approx(ALPHA, abs=_noise(ALPHA))


def test_without_a_difference_equivalence_is_nearly_always_found_and_a_difference_rarely() -> None:
    assert _rate("equivalent", 1.0, 0.02) > 0.999
    assert _rate("equivalent", 1.0, 0.05) > 0.95
    assert _rate("different", 1.0, 0.2) <= ALPHA + _noise(ALPHA)


def test_a_difference_beyond_the_margin_is_found() -> None:
    assert _rate("different", 1.12, 0.05) > 0.99
    assert _rate("different", 1 / 1.12, 0.05) > 0.99


def test_few_noisy_samples_decide_nothing() -> None:
    assert _rate("undecided", 1.0, 0.3, (3, 3)) > 0.9


def test_a_small_certain_shift_inside_the_margin_is_equivalent_and_its_size_is_said() -> None:
    found = compared(*_samples(1.01, 0.001, (30, 30), seed=1), MARGIN)
    assert found.verdict == "equivalent"
    assert found.p_different is not None
    assert found.p_different < ALPHA
    assert found.ratio == pytest.approx(1.01, abs=1e-3)


def test_the_order_of_the_two_changes_no_verdict() -> None:
    first, second = _samples(1.06, 0.05, (12, 30), seed=3)
    there, back = compared(first, second, MARGIN), compared(second, first, MARGIN)
    assert there.verdict == back.verdict
    assert there.p_equivalent == pytest.approx(back.p_equivalent)
    assert there.ratio == pytest.approx(1 / back.ratio)


def test_samples_without_any_spread_are_told_by_their_ratio_alone() -> None:
    assert compared([8.0] * 3, [8.0] * 3, MARGIN).verdict == "equivalent"
    assert compared([8.0] * 4, [8.25] * 4, MARGIN).verdict == "equivalent"
    assert compared([8.0] * 4, [16.0] * 4, MARGIN).verdict == "different"


def test_one_sample_decides_nothing_but_its_ratio_is_said() -> None:
    found = compared([2.0], [2.0, 2.0], MARGIN)
    assert (found.verdict, found.ratio, found.interval) == ("undecided", 1.0, None)


@pytest.mark.parametrize(("first", "second"), [([], [1.0]), ([1.0, 0.0], [1.0, 1.0]), ([1.0, 1.0], [1.0, -1.0])])
def test_what_has_no_logarithm_is_an_error(first: list[float], second: list[float]) -> None:
    with pytest.raises(ValueError, match="above zero"):
        compared(first, second, MARGIN)
