"""What chance alone makes of a calibrated network's error, against a formula and repeated draws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom

from harness.collectors.reliability import Reliability, if_calibrated


@pytest.mark.parametrize(("share", "items"), [(0.9, 20), (0.5, 100), (0.75, 400)])
def test_chance_alone_makes_the_mean_deviation_of_a_binomial(share: float, items: int) -> None:
    hits = np.arange(items + 1)
    expected = float(binom.pmf(hits, items, share) @ np.abs(hits / items - share))
    found = if_calibrated(np.full(items, share), 15)["if_calibrated"]
    assert found == pytest.approx(expected, rel=0.15)


def test_a_calibrated_network_is_above_the_high_point_once_in_twenty() -> None:
    above = 0
    for seed in range(400):
        chance = np.random.default_rng(seed)
        confidence = 0.1 + 0.9 * chance.beta(4, 1, 150)
        right = chance.random(150) < confidence
        above += Reliability.of(confidence, right, 15).expected() > float(
            str(if_calibrated(confidence, 15)["if_calibrated_high"])
        )
    # Twenty are expected; the range is three standard errors of a binomial.
    assert 7 <= above <= 33


def test_fewer_items_and_more_bins_make_more_error_by_chance() -> None:
    sure = np.linspace(0.2, 0.99, 100)
    few, many = (float(str(if_calibrated(np.repeat(sure, n), 15)["if_calibrated"])) for n in (1, 25))
    assert few > 3 * many
    assert float(str(if_calibrated(sure, 50)["if_calibrated"])) > few


def test_chance_is_drawn_from_a_fixed_seed() -> None:
    sure = np.linspace(0.2, 0.99, 60)
    assert if_calibrated(sure, 15) == if_calibrated(sure, 15)


def test_bins_do_not_care_about_the_order_of_items() -> None:
    chance = np.random.default_rng(0)
    confidence, right = chance.random(500) * 0.9 + 0.1, chance.random(500) < 0.5
    mixed = chance.permutation(500)
    assert Reliability.of(confidence, right, 15) == Reliability.of(confidence[mixed], right[mixed], 15)


@pytest.mark.parametrize("bins", [3, 10, 15, 49])
def test_every_edge_belongs_to_the_bin_below_it(bins: int) -> None:
    edges = np.arange(1, bins + 1) / bins
    above = np.nextafter(edges[:-1], 1)
    right = np.ones(bins, dtype=np.bool_)
    assert Reliability.of(edges, right, bins).items == (1,) * bins
    assert Reliability.of(above, right[1:], bins).items == (0, *(1,) * (bins - 1))
    assert math.isclose(sum(Reliability.of(edges, right, bins).confidence), (bins + 1) / 2)
