"""Entropy from merged moments, against numpy on all samples at once."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.criteria.moments import Base, Deviation, Gaussian, Moments


def feature() -> Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.randn(60, 7, generator=generator) * torch.logspace(-2, 3, 7) + 1000


def moments(values: Tensor, *sizes: int) -> Moments:
    found = Moments()
    for part in torch.split(values, list(sizes)):
        found.add(part)
    return found


@pytest.mark.parametrize(("base", "log"), [("e", np.log), (2, np.log2)])
@pytest.mark.parametrize(("deviation", "fewer"), [("population", 0), ("unbiased", 1)])
def test_entropy_is_the_sum_of_logarithms_of_deviations(
    base: Base, log: np.ufunc, deviation: Deviation, fewer: int
) -> None:
    values = feature()
    expected = log(values.double().numpy().std(axis=0, ddof=fewer)).sum()
    assert Gaussian(1e-6, base, deviation).entropy(moments(values, 60)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("sizes", [(1, 59), (20, 0, 40), (7, 50, 3)], ids=str)
def test_how_samples_come_in_batches_does_not_matter(sizes: tuple[int, ...]) -> None:
    whole, parts = moments(feature(), 60).sigma(), moments(feature(), *sizes).sigma()
    assert torch.allclose(whole, parts, rtol=1e-9)


def test_a_deviation_below_the_guard_counts_as_the_guard() -> None:
    values = torch.zeros(10, 3)
    assert Gaussian(0.5).entropy(moments(values, 10)) == pytest.approx(3 * np.log(0.5))


@pytest.mark.parametrize(("samples", "deviation"), [(0, "population"), (1, "unbiased")])
def test_too_few_samples_have_no_deviation(samples: int, deviation: Deviation) -> None:
    with pytest.raises(ArithmeticError, match=f"{samples} samples have no {deviation} standard deviation"):
        moments(feature()[:samples], samples).sigma(deviation)


def test_what_is_not_finite_has_no_entropy() -> None:
    values = feature()
    values[3, 2] = float("inf")
    with pytest.raises(ArithmeticError, match="not finite"):
        Gaussian(1e-6).entropy(moments(values, 60))
