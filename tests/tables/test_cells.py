"""How numbers are written."""

from __future__ import annotations

import pytest

from harness.stats import Interval
from harness.tables import cells


@pytest.mark.parametrize(
    ("values", "unit", "expected"),
    [
        ([1.2e9, 3.0], "", (1e9, "G")),
        ([0.0021], "s", (1e-3, "ms")),
        ([2e-6], "s", (1e-6, "µs")),
        ([1000.0], "", (1e3, "k")),
        ([3 * 2.0**20], "B", (2.0**20, "MiB")),
        ([12.0], "B", (1.0, "B")),
        ([], "s", (1.0, "s")),
        ([0.0], "s", (1.0, "s")),
    ],
)
def test_the_prefix_suits_the_largest_value(values: list[float], unit: str, expected: tuple[float, str]) -> None:
    found = cells.scale(values, unit)
    assert (found.factor, found.unit) == expected


def test_a_negative_number_has_a_minus_sign_and_zero_has_none() -> None:
    assert cells.number(-1.25, 2) == "−1.25"
    assert cells.number(-0.001) == "0.0"


def test_what_is_unknown_is_a_dash() -> None:
    assert (cells.number(None), cells.number(float("nan")), cells.percent(None), cells.points([])) == ("–",) * 4


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (1234.0, "1230"), (12.34, "12.3"), (0.9999, "1.00"), (0.00123, "0.00123")]
)
def test_significant_figures_are_counted(value: float, text: str) -> None:
    assert cells.significant(value) == text


def test_points_are_mean_and_sample_deviation() -> None:
    assert cells.points([0.1, 0.2]) == "15.0 ± 7.1"
    assert cells.points([0.1]) == "10.0"


def test_an_interval_is_in_brackets() -> None:
    assert cells.between(Interval(-0.012, 0.034), 100) == "[−1.2, 3.4]"
    assert cells.between(None) == "–"


@pytest.mark.parametrize(
    ("p", "text"), [(0.03125, "0.031"), (0.00781, "0.0078"), (0.00001, "< 0.0001"), (1.0, "1.000")]
)
def test_p_values_are_never_zero(p: float, text: str) -> None:
    assert cells.p_value(p) == text
