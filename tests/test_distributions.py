"""Quantiles, tails and ranks against scipy.stats, which takes too long to load for commands."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from harness.distributions import (
    binomial_below,
    chi_square_quantile,
    mean_ranks,
    normal_quantile,
    normal_tail,
    t_quantile,
    t_tail,
)

SHARES = (1e-12, 0.001, 0.025, 0.2, 0.5, 0.9, 0.975, 1 - 1e-9)
VALUES = (-9.0, -1.3, 0.0, 0.4, 2.5, 30.0)


def test_the_normal_distribution() -> None:
    assert [normal_quantile(share) for share in SHARES] == pytest.approx(stats.norm.ppf(SHARES))
    assert normal_tail(VALUES) == pytest.approx(stats.norm.sf(VALUES), rel=1e-12)


@pytest.mark.parametrize("freedom", [1, 2, 7, 500])
def test_t(freedom: float) -> None:
    assert [t_quantile(share, freedom) for share in SHARES] == pytest.approx(stats.t.ppf(SHARES, freedom))
    assert [t_tail(value, freedom) for value in VALUES] == pytest.approx(stats.t.sf(VALUES, freedom), rel=1e-9)


def test_t_of_endless_freedom_is_normal() -> None:
    assert t_quantile(0.9, math.inf) == normal_quantile(0.9)
    assert t_tail(1.5, math.inf) == float(normal_tail(1.5))


@pytest.mark.parametrize("freedom", [1, 4, 60])
def test_chi_square(freedom: float) -> None:
    assert chi_square_quantile(np.array(SHARES), freedom) == pytest.approx(stats.chi2.ppf(SHARES, freedom))


@pytest.mark.parametrize(("n", "share"), [(1, 0.5), (7, 0.5), (40, 0.03), (400, 0.7)])
def test_the_binomial_distribution_with_its_ends(n: int, share: float) -> None:
    counts = np.arange(-2, n + 3)
    assert binomial_below(counts, n, share) == pytest.approx(stats.binom.cdf(counts, n, share), rel=1e-9, abs=1e-15)


def test_equal_values_share_the_mean_of_their_ranks() -> None:
    values = [3.0, 1.0, 3.0, -2.0, 3.0, 1.0]
    assert list(mean_ranks(values)) == list(stats.rankdata(values)) == [5.0, 2.5, 5.0, 1.0, 5.0, 2.5]
    assert len(mean_ranks([])) == 0


def test_commands_that_compare_do_not_load_all_of_scipy() -> None:
    code = (
        "import harness.report.write, harness.regressions, sys; print([n for n in sys.modules if n == 'scipy.stats'])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
