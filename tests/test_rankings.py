"""Agreement of rankings against counts of pairs done by hand."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pytest

from harness.rankings import mean_interval, overlap, places, ranked, tau


def by_pairs(first: tuple[float, ...], second: tuple[float, ...]) -> float:
    pairs = list(combinations(range(len(first)), 2))
    signs = [(np.sign(first[i] - first[j]), np.sign(second[i] - second[j])) for i, j in pairs]
    untied = [sum(pair[side] != 0 for pair in signs) for side in (0, 1)]
    return float(sum(a * b for a, b in signs) / np.sqrt(untied[0] * untied[1]))


@pytest.mark.parametrize("second", list(permutations((1.0, 2.0, 2.0, 4.0)))[::5])
def test_tau_is_the_count_of_pairs_with_ties_taken_out(second: tuple[float, ...]) -> None:
    first = (3.0, 1.0, 2.0, 2.0)
    assert tau(first, second) == pytest.approx(by_pairs(first, second))


def test_tau_of_a_ranking_with_itself_is_one_and_reversed_minus_one() -> None:
    assert tau((1, 2, 3), (10, 20, 30)) == pytest.approx(1.0)
    assert tau((1, 2, 3), (3, 2, 1)) == pytest.approx(-1.0)


def test_what_ranks_nothing_has_no_tau() -> None:
    assert tau((1, 1, 1), (1, 2, 3)) is None
    assert tau((1,), (1,)) is None


def test_rankings_of_unlike_length_are_an_error() -> None:
    with pytest.raises(ValueError, match="rankings of 2 and of 3 things"):
        tau((1, 2), (1, 2, 3))


def test_overlap_is_the_share_of_common_first_places() -> None:
    assert overlap("abcd", "bacd", 1) == 0.0
    assert overlap("abcd", "bacd", 2) == 1.0
    assert overlap("abcd", "dabc", 2) == 0.5
    with pytest.raises(ValueError, match="first 5 of 4"):
        overlap("abcd", "abcd", 5)


def test_equal_values_share_the_mean_of_their_ranks() -> None:
    assert ranked({"a": 5.0, "b": 1.0, "c": 5.0}) == {"a": 2.5, "b": 1.0, "c": 2.5}
    assert places("ca") == {"c": 1.0, "a": 2.0}


def test_the_interval_of_a_mean_is_that_of_normal_theory_when_values_are_normal() -> None:
    values = np.random.default_rng(0).normal(5.0, 2.0, 400)
    found = mean_interval(list(values))
    assert found is not None
    half = 1.96 * values.std(ddof=1) / 20
    assert found.low == pytest.approx(values.mean() - half, abs=0.03)
    assert found.high == pytest.approx(values.mean() + half, abs=0.03)


def test_two_values_have_no_interval() -> None:
    assert mean_interval([1.0, 2.0]) is None
