"""Transfer entropy against numpy on a hand-written forward pass, and the invariances of entropy."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from scorings import Array, head_input, named, scoring_of, split
from torch import Tensor, nn

from harness.criteria.base import Scoring
from harness.criteria.entropy import Entropy
from harness.errors import SpecError
from harness.families.base import Unit
from harness.tasks.base import Batch

CHANNELS = 5


def numpy_entropy(feature: Array) -> float:
    return float(np.log(feature.std(axis=0)).sum())


class Gauge(nn.Module):
    """A network whose feature is its input, times `scale`, plus `shift` (both by channel)."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(CHANNELS, dtype=torch.float64))
        self.shift = torch.zeros(CHANNELS, dtype=torch.float64)

    def forward_features(self, inputs: Tensor) -> Tensor:
        return inputs * self.scale + self.shift

    def forward_head(self, feature: Tensor, *, pre_logits: bool) -> Tensor:
        return feature if pre_logits else feature.sum(1)


@dataclass
class Gauged:
    """Measures what a change of the feature does to the entropy: the change stands for a removal."""

    tiny_net: nn.Module

    def transfer(self, scale: Tensor | float = 1.0, shift: Tensor | float = 0.0, dead: int = 0) -> float:
        net = Gauge()

        @contextmanager
        def without(units: tuple[Unit, ...]) -> Iterator[None]:
            with torch.no_grad():
                net.scale.copy_(torch.as_tensor(scale if units else 1.0))
            net.shift = torch.as_tensor(shift if units else 0.0)
            yield

        inputs = torch.randn(40, CHANNELS, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
        inputs[:, :dead] *= 1e-9  # far below the guard
        scoring = scoring_of(self.tiny_net, [Batch(inputs, torch.zeros(40))])
        scoring = replace(scoring, net=net, without=without)
        return Entropy(signed=True).set_score(scoring)(named(scoring, 0))


@pytest.fixture
def gauged(tiny_net: nn.Module) -> Gauged:
    return Gauged(tiny_net)


@pytest.fixture
def scoring(tiny_net: nn.Module, batch: Batch) -> Scoring:
    return scoring_of(tiny_net, [batch])


@pytest.mark.parametrize("target", ["attention", "mlp", "block"])
def test_every_set_has_the_transfer_entropy_that_numpy_finds(tiny_net: nn.Module, batch: Batch, target: str) -> None:
    scoring = scoring_of(tiny_net, [batch], target)
    score = Entropy(signed=True).set_score(scoring)
    untouched = numpy_entropy(head_input(tiny_net, batch.inputs))
    for size in (1, 2):
        for chosen in itertools.combinations(scoring.units, size):
            gone = {sublayer.name for unit in chosen for sublayer in unit.sublayers}
            expected = untouched - numpy_entropy(head_input(tiny_net, batch.inputs, gone))
            assert score(chosen) == pytest.approx(expected, abs=1e-6)


def test_a_class_token_that_hears_of_no_item_has_lost_all_channels(scoring: Scoring, batch: Batch) -> None:
    untouched = numpy_entropy(head_input(scoring.net, batch.inputs))
    width = head_input(scoring.net, batch.inputs).shape[1]
    found = Entropy(guard=1e-4).set_score(scoring)(scoring.units)  # no attention is left
    assert found == pytest.approx(untouched - width * math.log(1e-4))


def test_the_score_is_the_size_of_the_transfer_entropy_unless_signed(scoring: Scoring) -> None:
    signed, unsigned = Entropy(signed=True).set_score(scoring), Entropy().set_score(scoring)
    for depth in range(3):
        assert unsigned(named(scoring, depth)) == abs(signed(named(scoring, depth)))


def test_nothing_removed_has_transfer_entropy_zero(scoring: Scoring) -> None:
    assert Entropy().set_score(scoring)(()) == 0.0


def test_the_order_of_a_set_does_not_matter(scoring: Scoring) -> None:
    score = Entropy().set_score(scoring)
    assert score(named(scoring, 2, 0)) == score(named(scoring, 0, 2))


def test_the_size_of_batches_does_not_matter(tiny_net: nn.Module, batch: Batch) -> None:
    whole, parts = scoring_of(tiny_net, [batch]), scoring_of(tiny_net, split(batch, 5))
    first = Entropy().set_score(whole)(named(whole, 1))
    assert Entropy().set_score(parts)(named(parts, 1)) == pytest.approx(first, abs=1e-4)


def test_a_shift_of_each_channel_leaves_the_entropy(gauged: Gauged) -> None:
    assert gauged.transfer(shift=torch.linspace(-50, 900, CHANNELS).double()) == pytest.approx(0, abs=1e-9)


def test_scaling_by_c_adds_channels_times_log_c(gauged: Gauged) -> None:
    assert gauged.transfer(scale=3.0) == pytest.approx(-CHANNELS * math.log(3.0))


def test_channels_that_are_dead_either_way_add_nothing(gauged: Gauged) -> None:
    assert gauged.transfer(scale=3.0, dead=2) == pytest.approx(-(CHANNELS - 2) * math.log(3.0))


def test_a_network_of_dead_channels_cannot_be_scored(gauged: Gauged) -> None:
    with pytest.raises(ArithmeticError, match="no channel varies over the 40 items"):
        gauged.transfer(scale=3.0, dead=CHANNELS)


def test_a_channel_that_dies_makes_a_set_expensive(gauged: Gauged) -> None:
    scale = torch.ones(CHANNELS).double()
    scale[0] = 0
    assert gauged.transfer(scale=scale) > math.log(1e5)


def test_a_feature_that_is_not_finite_is_an_error_that_names_the_set(gauged: Gauged) -> None:
    with pytest.raises(ArithmeticError, match=r"not finite with blocks\.0\.attn removed"):
        gauged.transfer(scale=float("nan"))


def test_a_network_that_hides_its_head_input_is_the_users_to_fix(scoring: Scoring) -> None:
    bare = replace(scoring, net=nn.Linear(2, 2))
    with pytest.raises(SpecError, match="Linear doesn't show what its head reads"):
        Entropy().set_score(bare)


def test_items_is_how_much_of_the_calibration_part_is_read() -> None:
    assert (Entropy().calibration_items, Entropy(items=64).calibration_items) == (None, 64)
