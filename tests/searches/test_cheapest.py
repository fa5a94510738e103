"""The rule for ties."""

from __future__ import annotations

import pytest
from score_tables import UNITS

from harness.searches.cheapest import cheapest


def choose(*scores: float) -> tuple[str, tuple[str, ...]]:
    units = UNITS[: len(scores)]
    unit, tied = cheapest(units, {unit.name: score for unit, score in zip(units, scores, strict=True)})
    return unit.name, tied


def test_the_lowest_score_wins() -> None:
    assert choose(0.3, -0.2, 0.1) == ("blocks.1.attn", ())


def test_a_tie_goes_to_the_lowest_depth_and_is_told() -> None:
    assert choose(0.3, 0.1, 0.1) == ("blocks.1.attn", ("blocks.1.attn", "blocks.2.attn"))


def test_the_lowest_depth_wins_whatever_the_order_of_candidates() -> None:
    unit, _ = cheapest(UNITS[::-1], dict.fromkeys((unit.name for unit in UNITS), 0.0))
    assert unit.depth == 0


def test_rounding_makes_no_difference_between_equals() -> None:
    assert choose(0.3, 0.1 + 0.2) == ("blocks.0.attn", ("blocks.0.attn", "blocks.1.attn"))


def test_a_difference_beyond_rounding_decides() -> None:
    assert choose(1.0 + 1e-11, 1.0) == ("blocks.1.attn", ())


@pytest.mark.parametrize("score", [float("nan"), float("inf"), float("-inf")])
def test_a_score_that_is_not_finite_is_an_error_that_names_the_unit(score: float) -> None:
    with pytest.raises(ArithmeticError, match=r"the score of blocks\.1\.attn is -?(nan|inf), not a finite number"):
        choose(0.0, score)
