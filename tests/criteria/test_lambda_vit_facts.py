"""What lambda-ViT's selection must satisfy: facts 7, 8 and 10 of what is published about it."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from scorings import named, scoring_of, split
from torch import nn

from harness.criteria.base import Scoring
from harness.criteria.entropy import Entropy
from harness.criteria.moments import Gaussian, Moments
from harness.inventory import take_inventory
from harness.searches.greedy import Greedy
from harness.tasks.base import Batch


@pytest.fixture
def scoring(tiny_net: nn.Module, batch: Batch) -> Scoring:
    return scoring_of(tiny_net, split(batch, 6))


def entropy(feature: torch.Tensor) -> float:
    moments = Moments()
    moments.add(feature)
    return Gaussian(1e-6).entropy(moments)


def test_fact_7_a_shift_of_each_channel_leaves_the_entropy(scoring: Scoring, batch: Batch) -> None:
    feature = Entropy().read(scoring, batch).detach().double()
    shift = torch.linspace(-50, 900, feature.shape[1])
    assert entropy(feature + shift) == pytest.approx(entropy(feature), abs=1e-9)


@pytest.mark.parametrize("c", [0.25, 3.0, 40.0])
def test_fact_7_scaling_by_c_adds_channels_times_log_c(scoring: Scoring, batch: Batch, c: float) -> None:
    feature = Entropy().read(scoring, batch).detach().double()
    assert entropy(c * feature) - entropy(feature) == pytest.approx(feature.shape[1] * math.log(c))


def test_fact_8_the_empty_set_has_transfer_entropy_zero(scoring: Scoring) -> None:
    assert Entropy(signed=True).set_score(scoring)(()) == 0.0


def test_fact_8_transfer_entropy_does_not_depend_on_the_order_of_the_set(scoring: Scoring) -> None:
    score = Entropy(signed=True).set_score(scoring)
    assert len({score(named(scoring, *order)) for order in itertools.permutations((0, 1, 2))}) == 1


def test_fact_8_greedy_sets_are_nested(scoring: Scoring) -> None:
    found = Greedy().select(Entropy(), scoring)
    assert set(found.sets[1]) < set(found.sets[2])


def test_fact_8_each_greedy_set_is_the_cheapest_growth_of_the_one_before(scoring: Scoring) -> None:
    score = Entropy().set_score(scoring)
    found = Greedy().select(Entropy(), scoring).sets
    first = min(scoring.units, key=lambda unit: score((unit,)))
    second = min((unit for unit in scoring.units if unit != first), key=lambda unit: score((first, unit)))
    assert found == {1: (first.name,), 2: (first.name, second.name)}


@pytest.mark.parametrize(
    ("architecture", "width"),
    [("deit_tiny_patch16_224", 192), ("deit_small_patch16_224", 384), ("deit_base_patch16_224", 768)],
)
def test_fact_10_what_an_attention_saves(architecture: str, width: int) -> None:
    tokens = 14 * 14 + 1
    inventory = take_inventory(architecture, {}, {"num_classes": 1000, "in_chans": 3})
    found = {(s.params, s.macs) for s in inventory.sublayers if s.kind == "attention"}
    params = 4 * width**2 + 4 * width + 2 * width
    macs = 4 * tokens * width**2 + 2 * tokens**2 * width
    assert found == {(params, macs)}
