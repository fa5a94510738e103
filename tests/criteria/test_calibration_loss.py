"""The loss of the network without a set, against numpy on a hand-written forward pass."""

from __future__ import annotations

import itertools

import pytest
import torch
from outcomes import logits, loss
from scorings import named, scoring_of, split
from torch import nn

from harness.criteria.calibration_loss import CalibrationLoss
from harness.errors import SpecError
from harness.tasks.base import Batch


@pytest.mark.parametrize("target", ["attention", "mlp", "block"])
@pytest.mark.parametrize("size", [16, 5])
def test_every_set_has_the_loss_that_numpy_finds(tiny_net: nn.Module, batch: Batch, target: str, size: int) -> None:
    scoring = scoring_of(tiny_net, split(batch, size), target)
    score = CalibrationLoss().set_score(scoring)
    for count in (0, 1, 2):
        for chosen in itertools.combinations(scoring.units, count):
            gone = {sublayer.name for unit in chosen for sublayer in unit.sublayers}
            assert score(chosen) == pytest.approx(loss(logits(tiny_net, batch.inputs, gone), batch.targets), abs=1e-5)


def test_items_without_labels_cannot_be_scored(tiny_net: nn.Module, batch: Batch) -> None:
    scoring = scoring_of(tiny_net, [Batch(batch.inputs, torch.full((16,), -1))])
    with pytest.raises(SpecError, match=r"criteria\.calibration_loss: needs a label .* 16 of them have a negative one"):
        CalibrationLoss().set_score(scoring)


def test_a_loss_that_is_not_finite_is_an_error_that_names_the_set(tiny_net: nn.Module, batch: Batch) -> None:
    tiny_net.get_submodule("head").bias.data.fill_(float("nan"))  # type: ignore[operator]
    scoring = scoring_of(tiny_net, [batch])
    with pytest.raises(ArithmeticError, match=r"with blocks\.0\.attn, blocks\.1\.attn removed"):
        CalibrationLoss().set_score(scoring)(named(scoring, 0, 1))


def test_it_says_that_it_reads_labels() -> None:
    assert CalibrationLoss.uses_labels
    assert CalibrationLoss().reads_labels


def test_items_is_how_much_of_the_calibration_part_is_read() -> None:
    assert (CalibrationLoss().calibration_items, CalibrationLoss(items=64).calibration_items) == (None, 64)
