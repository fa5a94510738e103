"""Divergence of outputs against numpy on a hand-written forward pass."""

from __future__ import annotations

import itertools

import pytest
import torch
from outcomes import divergence, logits
from scorings import named, scoring_of, split
from torch import nn

from harness.criteria.divergence import Divergence
from harness.tasks.base import Batch


@pytest.mark.parametrize("target", ["attention", "mlp", "block"])
@pytest.mark.parametrize("size", [16, 5])
def test_every_set_has_the_divergence_that_numpy_finds(
    tiny_net: nn.Module, batch: Batch, target: str, size: int
) -> None:
    scoring = scoring_of(tiny_net, split(batch, size), target)
    score = Divergence().set_score(scoring)
    whole = logits(tiny_net, batch.inputs)
    for count in (1, 2):
        for chosen in itertools.combinations(scoring.units, count):
            gone = {sublayer.name for unit in chosen for sublayer in unit.sublayers}
            expected = divergence(whole, logits(tiny_net, batch.inputs, gone))
            assert score(chosen) == pytest.approx(expected, rel=1e-3, abs=1e-9)
            assert score(chosen) > 0


def test_the_untouched_network_comes_first(tiny_net: nn.Module, batch: Batch) -> None:
    tiny_net.get_submodule("head").weight.data.mul_(50)  # type: ignore[operator]
    scoring = scoring_of(tiny_net, [batch], "block")
    found = Divergence().set_score(scoring)(scoring.units)
    gone = {sublayer.name for unit in scoring.units for sublayer in unit.sublayers}
    whole, left = logits(tiny_net, batch.inputs), logits(tiny_net, batch.inputs, gone)
    assert found == pytest.approx(divergence(whole, left), rel=1e-3)
    assert abs(found - divergence(left, whole)) > 0.01 * found


def test_nothing_removed_scores_zero(tiny_net: nn.Module, batch: Batch) -> None:
    assert Divergence().set_score(scoring_of(tiny_net, [batch]))(()) == 0.0


def test_labels_do_not_matter(tiny_net: nn.Module, batch: Batch) -> None:
    scoring, bare = (scoring_of(tiny_net, [b]) for b in (batch, Batch(batch.inputs, torch.full((16,), -1))))
    first = Divergence().set_score(scoring)(named(scoring, 1))
    assert Divergence().set_score(bare)(named(bare, 1)) == first
    assert not Divergence().reads_labels


def test_items_is_how_much_of_the_calibration_part_is_read() -> None:
    assert (Divergence().calibration_items, Divergence(items=64).calibration_items) == (None, 64)
