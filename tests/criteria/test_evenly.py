"""Evenly spaced places: symmetric, distinct, and as even as whole numbers allow."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from scorings import scoring_of
from torch import nn

from harness.criteria.evenly import Evenly, places
from harness.searches.given import Given


@pytest.mark.parametrize("of", [2, 3, 8, 12, 31])
def test_places_are_the_rounded_middles_of_equal_parts(of: int) -> None:
    for count in range(1, of):
        middles = [(i + 0.5) * of / count - 0.5 for i in range(count)]
        assert list(places(count, of)) == [math.floor(middle + 0.5) for middle in middles]


@pytest.mark.parametrize("of", [2, 3, 8, 12, 31])
def test_places_are_distinct_and_their_gaps_differ_by_one_at_most(of: int) -> None:
    for count in range(1, of + 1):
        found = places(count, of)
        gaps = [b - a for a, b in pairwise(found)]
        assert len(set(found)) == count
        assert 0 <= found[0] <= found[-1] < of
        assert not gaps or (min(gaps) >= 1 and max(gaps) - min(gaps) <= 1)


def test_half_of_an_even_number_is_every_other_one() -> None:
    assert places(6, 12) == (1, 3, 5, 7, 9, 11)


def test_the_selection_says_that_it_is_not_nested(tiny_net: nn.Module) -> None:
    found = Given().select(Evenly(), scoring_of(tiny_net, []))
    assert found.sets == {1: ("blocks.1.attn",), 2: ("blocks.0.attn", "blocks.2.attn")}
    assert not found.info.nested
    assert found.info.order is None
