"""Errors of the network without a set, against numpy on a hand-written forward pass."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from outcomes import error, logits
from scorings import named, scoring_of, split
from torch import nn

from harness.criteria.calibration_accuracy import CalibrationAccuracy, wrong
from harness.errors import SpecError
from harness.tasks.base import Batch


@pytest.mark.parametrize("target", ["attention", "mlp", "block"])
@pytest.mark.parametrize("size", [16, 5])
def test_every_set_has_the_errors_that_numpy_finds(tiny_net: nn.Module, batch: Batch, target: str, size: int) -> None:
    right = Batch(batch.inputs, torch.as_tensor(logits(tiny_net, batch.inputs).argmax(axis=1)))
    mixed = Batch(batch.inputs, torch.where(torch.arange(16) < 10, right.targets, batch.targets))
    scoring = scoring_of(tiny_net, split(mixed, size), target)
    score = CalibrationAccuracy().set_score(scoring)
    for count in (0, 1, 2):
        for chosen in itertools.combinations(scoring.units, count):
            gone = {sublayer.name for unit in chosen for sublayer in unit.sublayers}
            assert score(chosen) == pytest.approx(error(logits(tiny_net, batch.inputs, gone), mixed.targets))


def test_the_answer_is_the_first_of_equal_outputs() -> None:
    drawn = np.random.default_rng(7).integers(0, 3, size=(200, 5))
    targets = torch.arange(200) % 5
    found = wrong(torch.as_tensor(drawn, dtype=torch.float32), targets)
    assert found.tolist() == (drawn.argmax(axis=1) != targets.numpy()).tolist()


def test_outputs_that_are_no_numbers_are_neither_right_nor_wrong(tiny_net: nn.Module, batch: Batch) -> None:
    found = wrong(torch.tensor([[1.0, float("nan")], [0.0, 1.0]]), torch.tensor([0, 1])).tolist()
    assert math.isnan(found[0])
    assert found[1] == 0
    tiny_net.get_submodule("head").bias.data[3] = float("nan")  # type: ignore[operator]
    scoring = scoring_of(tiny_net, [batch])
    with pytest.raises(ArithmeticError, match=r"the score is nan, not a finite number, with blocks\.0\.attn removed"):
        CalibrationAccuracy().set_score(scoring)(named(scoring, 0))


def test_items_without_labels_cannot_be_scored(tiny_net: nn.Module, batch: Batch) -> None:
    scoring = scoring_of(tiny_net, [Batch(batch.inputs, torch.zeros(16))])
    with pytest.raises(SpecError, match=r"criteria\.calibration_accuracy: needs a label, a whole number"):
        CalibrationAccuracy().set_score(scoring)


def test_it_says_that_it_reads_labels() -> None:
    assert CalibrationAccuracy.uses_labels


def test_items_is_how_much_of_the_calibration_part_is_read() -> None:
    assert (CalibrationAccuracy().calibration_items, CalibrationAccuracy(items=64).calibration_items) == (None, 64)
