"""Steps of noisy series: found where they are, not found where there are none."""

from __future__ import annotations

import numpy as np
import pytest

from harness.history.steps import FEWEST, LEVEL, LEVEL_INSIDE, breaks
from harness.stats import Array, wilson


def _noise(seed: int, n: int = 20) -> Array:
    return np.random.default_rng(seed).standard_normal(n)


@pytest.mark.parametrize("place", [2, 3, 10, 17, 18])
def test_a_large_step_is_found_where_it_is(place: int) -> None:
    values = 0.1 * _noise(place) + (np.arange(20) >= place)
    (found,) = breaks(values)
    assert found.place == place
    assert found.before == pytest.approx(0.0, abs=0.1)
    assert found.after == pytest.approx(1.0, abs=0.1)
    assert found.p < 0.001


def test_two_steps_in_one_direction_are_two() -> None:
    values = 0.1 * _noise(3, 30) + (np.arange(30) >= 10) + (np.arange(30) >= 20)
    assert [one.place for one in breaks(values)] == [10, 20]


def test_what_came_and_was_mended_is_two_steps() -> None:
    values = 0.1 * _noise(4, 28)
    values[10:18] += 1
    assert [one.place for one in breaks(values)] == [10, 18]


def test_a_single_point_apart_is_no_step() -> None:
    values = 0.1 * _noise(5)
    values[9] += 1
    values[-1] -= 1
    assert breaks(values) == ()


@pytest.mark.parametrize("n", range(FEWEST))
def test_too_few_points_show_nothing(n: int) -> None:
    assert breaks(np.arange(float(n)) ** 9) == ()


def test_equal_points_show_nothing() -> None:
    assert breaks(np.full(12, 3.0)) == ()
    assert breaks(np.where(np.arange(12) < 6, 3.0, np.nextafter(3.0, 4.0))) == ()


def test_a_scale_and_an_offset_change_nothing() -> None:
    values = 0.3 * _noise(6) + (np.arange(20) >= 8)
    places = [one.place for one in breaks(values)]
    assert places == [one.place for one in breaks(1e-6 * values + 5.0)] == [one.place for one in breaks(-values)]


@pytest.mark.parametrize("n", [6, 20])
def test_plain_noise_shows_steps_no_more_often_than_is_stated(n: int) -> None:
    generator = np.random.default_rng(n)
    hits = sum(bool(breaks(generator.standard_normal(n))) for _ in range(1_000))
    assert wilson(hits, 1_000).low <= LEVEL + LEVEL_INSIDE


def test_a_step_of_three_deviations_is_located_in_nine_of_ten_series() -> None:
    generator = np.random.default_rng(11)
    hits = 0
    for _ in range(400):
        place = int(generator.integers(3, 18))
        values = generator.standard_normal(20) + 3.0 * (np.arange(20) >= place)
        hits += any(abs(one.place - place) <= 1 for one in breaks(values))
    assert hits / 400 >= 0.88  # benchmarks/steps.py shows 0.9 on more series
