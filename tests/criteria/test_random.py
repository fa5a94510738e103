"""Chance is fair, and it is the seed's."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from scorings import scoring_of
from torch import nn

from harness.criteria.base import Scoring
from harness.criteria.random import Random
from harness.families.base import Unit

UNITS = tuple(Unit(f"blocks.{depth}.attn", "attention", depth, ()) for depth in range(8))


@pytest.fixture
def scoring(tiny_net: nn.Module) -> Scoring:
    return replace(scoring_of(tiny_net, []), units=UNITS)


def order(scoring: Scoring, seed: int) -> tuple[str, ...]:
    scores = Random().scores(replace(scoring, seed=seed))
    return tuple(sorted(scores, key=lambda name: scores[name]))


def test_a_seed_gives_the_same_order_again(scoring: Scoring) -> None:
    assert order(scoring, 3) == order(scoring, 3)


def test_different_seeds_give_different_orders(scoring: Scoring) -> None:
    assert len({order(scoring, seed) for seed in range(20)}) == 20


@pytest.mark.parametrize("place", [0, 3, 7])
def test_each_unit_is_equally_likely_at_each_place(scoring: Scoring, place: int) -> None:
    seeds = 2000
    counts = Counter(order(scoring, seed)[place] for seed in range(seeds))
    fair = seeds / len(UNITS)
    chi_square = sum((counts[unit.name] - fair) ** 2 / fair for unit in UNITS)
    assert chi_square < 24.32  # the 99.9 % quantile of chi-square with 7 degrees of freedom
