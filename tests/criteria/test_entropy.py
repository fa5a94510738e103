"""Transfer entropy against numpy on a hand-written forward pass, and the invariances of entropy."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from scorings import Array, head_input, named, scoring_of, split, streams, without_class_token
from torch import Tensor, nn

from harness.criteria.base import Scoring, criteria
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

    def transfer(
        self,
        scale: Tensor | float = 1.0,
        shift: Tensor | float = 0.0,
        silent: int = 0,
        **options: Any,
    ) -> float:
        net = Gauge()

        @contextmanager
        def without(units: tuple[Unit, ...]) -> Iterator[None]:
            with torch.no_grad():
                net.scale.copy_(torch.as_tensor(scale if units else 1.0))
            net.shift = torch.as_tensor(shift if units else 0.0)
            yield

        inputs = torch.randn(40, CHANNELS, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
        inputs[:, :silent] *= 1e-9  # far below the guard
        scoring = scoring_of(self.tiny_net, [Batch(inputs, torch.zeros(40))])
        scoring = replace(scoring, net=net, without=without)
        return Entropy(signed=True, **options).set_score(scoring)(named(scoring, 0))


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
    assert gauged.transfer(scale=3.0, silent=2) == pytest.approx(-(CHANNELS - 2) * math.log(3.0))


def test_a_network_of_dead_channels_cannot_be_scored(gauged: Gauged) -> None:
    with pytest.raises(ArithmeticError, match="no channel varies over the 40 items"):
        gauged.transfer(scale=3.0, silent=CHANNELS)


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


def parted(net: nn.Module, inputs: Tensor, without: Iterable[str] = ()) -> Array:
    """All tokens after the last norm, (n, tokens, width)."""
    with torch.inference_mode():
        final = net.norm(streams(net, inputs, without)[-1][2])  # type: ignore[operator]  # timm's modules are untyped
    return np.asarray(final.numpy(), dtype=np.float64)


REDUCED: dict[str, Callable[[Array], Array]] = {
    "class": lambda tokens: tokens[:, 0],
    "mean": lambda tokens: tokens.mean(axis=1),
    "all": lambda tokens: tokens.reshape(-1, tokens.shape[-1]),
}


@pytest.mark.parametrize("feature", REDUCED)
@pytest.mark.parametrize("size", [16, 5])
def test_every_feature_has_the_transfer_entropy_that_numpy_finds(
    tiny_net: nn.Module, batch: Batch, feature: str, size: int
) -> None:
    scoring = scoring_of(tiny_net, split(batch, size), "mlp")
    found = Entropy.model_validate({"feature": feature, "signed": True}).set_score(scoring)(named(scoring, 1))
    whole, without = (parted(tiny_net, batch.inputs, gone) for gone in ((), ("blocks.1.mlp",)))
    expected = numpy_entropy(REDUCED[feature](whole)) - numpy_entropy(REDUCED[feature](without))
    assert found == pytest.approx(expected, abs=1e-5)


def test_a_deit_reads_its_class_token(scoring: Scoring) -> None:
    chosen = named(scoring, 0, 2)
    assert Entropy(feature="class").set_score(scoring)(chosen) == Entropy().set_score(scoring)(chosen)


def logits_entropy(net: nn.Module, inputs: Tensor, gone: Iterable[str]) -> float:
    """In bits and with the unbiased deviation, of the head's product with what it reads."""
    head = net.get_submodule("head")
    weight, bias = (parameter.detach().double().numpy() for parameter in head.parameters())
    logits = head_input(net, inputs, gone) @ weight.T + bias
    return float(np.log2(logits.std(axis=0, ddof=1)).sum())


def test_the_head_is_measured_in_bits_by_the_unbiased_deviation(tiny_net: nn.Module, batch: Batch) -> None:
    scoring = scoring_of(tiny_net, split(batch, 5))
    found = Entropy(site="head", signed=True).set_score(scoring)(named(scoring, 1))
    expected = logits_entropy(tiny_net, batch.inputs, ()) - logits_entropy(tiny_net, batch.inputs, ["blocks.1.attn"])
    assert found == pytest.approx(expected, abs=1e-4)


def test_bits_are_nats_over_the_logarithm_of_two(scoring: Scoring) -> None:
    nats, bits = (Entropy.model_validate({"base": base}).set_score(scoring)(named(scoring, 1)) for base in ("e", 2))
    assert bits == pytest.approx(nats / math.log(2))


def test_the_deviation_cancels_where_no_channel_is_dead(scoring: Scoring) -> None:
    plain, unbiased = Entropy(), Entropy(deviation="unbiased")
    found = unbiased.set_score(scoring)(named(scoring, 1))
    assert found == pytest.approx(plain.set_score(scoring)(named(scoring, 1)), abs=1e-9)


def test_a_head_has_no_tokens_to_choose_from() -> None:
    with pytest.raises(SpecError, match="feature 'mean' is made of tokens, which site 'head' has not"):
        criteria.create({"name": "entropy", "site": "head", "feature": "mean"})


def test_a_class_token_that_is_not_there_cannot_be_a_feature(batch: Batch) -> None:
    scoring = scoring_of(without_class_token(), [batch])
    with pytest.raises(SpecError, match=r"criteria\.entropy\.feature: VisionTransformer has no class token"):
        Entropy(feature="class").set_score(scoring)


def test_a_channel_that_comes_alive_counts_unless_dead_ones_are_dropped(gauged: Gauged) -> None:
    scale = torch.ones(CHANNELS).double()
    scale[0] = 1e9  # from far below the guard to about one
    assert gauged.transfer(scale, 0.0, 1) < -math.log(1e5)
    assert gauged.transfer(scale, 0.0, 1, dead="drop") == pytest.approx(0)


def test_a_channel_that_dies_is_expensive_although_dead_ones_are_dropped(gauged: Gauged) -> None:
    scale = torch.ones(CHANNELS).double()
    scale[1] = 0
    assert gauged.transfer(scale, 0.0, 1, dead="drop") > math.log(1e5)


def uneven(batch: Batch) -> Batch:
    """Eight items of label 0, five of 1, three of 2, mixed."""
    return Batch(batch.inputs, torch.tensor([0, 0, 1, 0, 2, 1, 0, 0, 1, 2, 0, 1, 0, 2, 1, 0]))


@pytest.mark.parametrize(
    ("items", "picked"),
    [(None, [0, 1, 2, 3, 4, 5, 8, 9, 13]), (7, [0, 1, 2, 4, 5, 9]), (5, [0, 2, 4])],
    ids=["as many as the rarest", "two of each", "one of each"],
)
@pytest.mark.parametrize("size", [16, 5])
def test_balanced_items_are_the_first_of_each_label(
    tiny_net: nn.Module, batch: Batch, items: int | None, picked: list[int], size: int
) -> None:
    criterion = Entropy(balance="classes", items=items, deviation="population")
    scoring = scoring_of(tiny_net, split(uneven(batch), size))
    alone = scoring_of(tiny_net, [Batch(batch.inputs[picked], batch.targets[picked])])
    expected = Entropy().set_score(alone)(named(alone, 1))
    assert criterion.set_score(scoring)(named(scoring, 1)) == pytest.approx(expected, abs=1e-4)
    chosen = criterion.chosen(scoring.batches)
    assert torch.equal(torch.cat([b.inputs for b in chosen]), batch.inputs[picked])
    again = criterion.chosen(chosen)
    assert torch.equal(torch.cat([b.inputs for b in again]), batch.inputs[picked])


def test_a_balanced_choice_reads_labels_of_the_whole_part() -> None:
    balanced, plain = Entropy(balance="classes", items=20), Entropy(items=20)
    assert (balanced.reads_labels, balanced.calibration_items) == (True, None)
    assert (plain.reads_labels, plain.calibration_items) == (False, 20)


UNLABELLED = {"real": torch.zeros(16), "negative": torch.full((16,), -1), "none": torch.zeros(0, dtype=torch.int64)}


@pytest.mark.parametrize("targets", UNLABELLED.values(), ids=UNLABELLED)
def test_items_without_labels_cannot_be_balanced(tiny_net: nn.Module, batch: Batch, targets: Tensor) -> None:
    scoring = scoring_of(tiny_net, [Batch(batch.inputs, targets)])
    with pytest.raises(SpecError, match=r"criteria\.entropy\.balance: needs a label"):
        Entropy(balance="classes").set_score(scoring)


def test_fewer_items_than_labels_cannot_be_balanced(scoring: Scoring) -> None:
    with pytest.raises(SpecError, match="4 items are fewer than one of each of the 10 labels"):
        Entropy(balance="classes", items=4).set_score(scoring)


def test_no_option_enters_the_identity_at_its_default() -> None:
    assert Entropy().identity() == {"name": "entropy"}
