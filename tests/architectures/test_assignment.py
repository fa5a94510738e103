"""A balanced assignment: exact, against all assignments there are and against another solver."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from harness.architectures.assignment import balanced


def drawn(tokens: int, experts: int, seed: int, lean: float = 1.0) -> NDArray[np.float64]:
    chance = np.random.default_rng(seed)
    return chance.normal(size=(tokens, experts)) + lean * chance.normal(size=experts)


def total(affinities: NDArray[np.float64], expert: NDArray[np.int64]) -> float:
    return float(affinities[np.arange(len(expert)), expert].sum())


def counts_of(expert: NDArray[np.int64], experts: int) -> NDArray[np.int64]:
    return np.bincount(expert, minlength=experts)


@pytest.mark.parametrize(("tokens", "experts"), [(6, 3), (7, 3), (7, 2), (2, 4), (5, 1)])
def test_no_balanced_assignment_is_better(tokens: int, experts: int) -> None:
    for seed in range(5):
        affinities = drawn(tokens, experts, seed)
        found = balanced(affinities)
        every = (np.array(one) for one in product(range(experts), repeat=tokens))
        best = max(total(affinities, one) for one in every if np.ptp(counts_of(one, experts)) <= 1)
        assert np.ptp(counts_of(found, experts)) <= 1
        assert total(affinities, found) == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize("lean", [0.0, 2.0, 50.0])
def test_it_equals_the_linear_assignment_of_tokens_to_places(lean: float) -> None:
    affinities = drawn(96, 4, 1, lean)
    places = np.repeat(affinities, 24, axis=1)
    rows, columns = linear_sum_assignment(places, maximize=True)
    found = balanced(affinities)
    assert counts_of(found, 4).tolist() == [24] * 4
    assert total(affinities, found) == pytest.approx(places[rows, columns].sum(), rel=1e-12)


def test_equal_tokens_are_shared_out_too() -> None:
    assert sorted(counts_of(balanced(np.ones((10, 4))), 4).tolist()) == [2, 2, 3, 3]
    wanted = np.tile([3.0, 1.0, 0.0], (9, 1))  # all of them want the first
    assert counts_of(balanced(wanted), 3).tolist() == [3, 3, 3]


def test_the_same_affinities_give_the_same_assignment() -> None:
    affinities = drawn(50, 4, 3)
    assert np.array_equal(balanced(affinities), balanced(affinities.copy()))


def test_an_affinity_that_is_no_number_is_refused() -> None:
    with pytest.raises(FloatingPointError, match="an affinity of a token to an expert is not finite"):
        balanced(np.array([[1.0, np.nan]]))
