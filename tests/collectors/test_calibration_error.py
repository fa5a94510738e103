"""Calibration error against sums in Python, one item at a time."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from harness.collectors.accuracy import Accuracy
from harness.collectors.base import Tally
from harness.collectors.calibration_error import CalibrationError, below_largest
from harness.errors import DataError
from harness.records import Measurement
from harness.tasks.base import Batch
from harness.tasks.classification import Classification


def answer(
    outputs: Tensor, targets: Tensor, size: int = 7, accepted: Tensor | None = None, bins: int = 15
) -> Measurement:
    held = CalibrationError(bins=bins).tally("test", Classification(), "0" * 64)
    for start in range(0, len(outputs), size):
        rows = slice(start, start + size)
        held.update(outputs[rows], Batch(outputs[rows], targets[rows], None if accepted is None else accepted[rows]))
    (found,), outcomes = held.finish()
    assert outcomes == ()
    return found


def made(items: int, classes: int, spread: float = 2.0, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Labels that are right more often than by chance, of outputs in single precision."""
    generator = torch.Generator().manual_seed(seed + items)
    outputs = spread * torch.randn(items, classes, generator=generator)
    guess = torch.randint(classes, (items,), generator=generator)
    return outputs, torch.where(torch.rand(items, generator=generator) < 0.6, outputs.argmax(1), guess)


def softmax(row: list[float]) -> list[float]:
    powers = [math.exp(value - max(row)) for value in row]
    return [power / sum(powers) for power in powers]


def by_hand(outputs: Tensor, targets: Tensor, bins: int) -> dict[str, Any]:
    """Guo et al. 2017, equations 2, 3 and 5, item by item; scores by their definitions."""
    seen: list[tuple[float, bool]] = []
    likelihood = brier = 0.0
    for values, label in zip(outputs.tolist(), targets.tolist(), strict=True):
        shares = softmax(values)
        top = max(range(len(values)), key=lambda index: (values[index], -index))
        seen.append((shares[top], top == label))
        likelihood -= math.log(shares[label]) / len(outputs)
        brier += sum((share - (index == label)) ** 2 for index, share in enumerate(shares)) / len(outputs)
    gaps, total = [], 0.0
    for number in range(bins):
        inside = [one for one in seen if number / bins < one[0] <= (number + 1) / bins]
        if inside:
            right = sum(hit for _, hit in inside) / len(inside)
            gaps.append(abs(right - sum(sure for sure, _ in inside) / len(inside)))
            total += gaps[-1] * len(inside) / len(seen)
    return {"ece": total, "max_calibration_error": max(gaps), "nll": likelihood, "brier": brier}


@pytest.mark.parametrize("bins", [1, 2, 10, 15])
@pytest.mark.parametrize("shape", [(200, 10), (61, 2), (40, 300)])
def test_error_and_scores_equal_sums_by_hand(shape: tuple[int, int], bins: int) -> None:
    outputs, targets = made(*shape)
    found, expected = answer(outputs, targets, bins=bins), by_hand(outputs, targets, bins)
    assert found.value == pytest.approx(expected.pop("ece"), abs=1e-12)
    assert {name: found.details[name] for name in expected} == pytest.approx(expected, abs=1e-12)


def confident(share: float, items: int, right: int) -> tuple[Tensor, Tensor]:
    """Items of two classes, the first with this probability; so many of them are of the first."""
    outputs = torch.tensor([math.log(share), math.log(1 - share)], dtype=torch.float64).expand(items, 2)
    return outputs, torch.tensor([0] * right + [1] * (items - right))


def test_who_is_right_as_often_as_sure_has_no_error() -> None:
    groups = [confident(0.6, 10, 6), confident(0.75, 8, 6), confident(0.9, 20, 18)]
    found = answer(torch.cat([g[0] for g in groups]), torch.cat([g[1] for g in groups]))
    assert found.value == pytest.approx(0, abs=1e-15)
    assert found.details["max_calibration_error"] == pytest.approx(0, abs=1e-15)
    assert found.details["mean_confidence"] == pytest.approx(30 / 38)
    assert found.details["accuracy"] == 30 / 38


def test_who_is_always_sure_is_off_by_the_share_of_errors() -> None:
    outputs = torch.tensor([[1000.0, 0.0]]).expand(8, 2)
    found = answer(outputs, torch.tensor([0, 0, 0, 1, 1, 0, 0, 0]))
    assert found.value == 0.25
    assert found.details["bin_items"] == [0] * 14 + [8]
    assert found.details["bin_confidence"] == [None] * 14 + [1.0]
    assert found.details["bin_accuracy"] == [None] * 14 + [0.75]


def test_a_confidence_at_an_edge_is_in_the_bin_below() -> None:
    found = answer(torch.zeros(4, 2), torch.tensor([0, 0, 1, 1]), bins=2)
    assert found.details["bin_items"] == [4, 0]


def test_equal_outputs_are_answered_by_the_lower_index_as_in_accuracy() -> None:
    outputs = torch.randint(3, (90, 6), generator=torch.Generator().manual_seed(0)).float()
    targets = torch.arange(90) % 6
    plain: Tally = Accuracy().tally("test", Classification(), "0" * 64)
    plain.update(outputs, Batch(outputs, targets))
    assert answer(outputs, targets).details["accuracy"] == plain.finish()[0][0].value


@pytest.mark.parametrize("size", [1, 2, 13, 200])
def test_the_size_of_the_batches_changes_no_bit(size: int) -> None:
    for outputs, targets in (made(200, 10), made(120, 1000)):
        assert answer(outputs, targets, size) == answer(outputs, targets, 50)


def test_probabilities_are_taken_in_double_precision() -> None:
    outputs, targets = made(50, 10, spread=8.0)
    assert answer(outputs, targets) == answer(outputs.double(), targets)
    assert answer(outputs.half(), targets) == answer(outputs.half().double(), targets)


def test_infinite_outputs_are_the_limit_of_large_ones() -> None:
    rows = torch.tensor([[math.inf, 0.0, -math.inf], [-math.inf] * 3, [math.inf, math.inf, 1.0]])
    shifted = below_largest(rows.double().numpy())
    assert shifted.tolist() == [[0, -math.inf, -math.inf], [0, 0, 0], [0, 0, -math.inf]]
    found = answer(rows[:1].expand(4, 3), torch.tensor([0, 0, 0, 1]))
    assert found.value == 0.25
    assert found.details["nll"] is None
    assert found.details["scores_reason"] == "a label has the probability 0"
    assert Measurement.model_validate_json(found.model_dump_json()) == found


def test_of_several_right_answers_any_is_right_and_items_without_are_left_out() -> None:
    outputs, targets = made(60, 8)
    accepted = torch.rand(60, 8, generator=torch.Generator().manual_seed(3)) < 0.3
    accepted[5], accepted[40:45] = False, False
    held = accepted.any(1)
    right = accepted.gather(1, outputs.argmax(1, keepdim=True))[:, 0]
    wrong = (outputs.argmax(1) + 1) % 8
    expected = answer(outputs[held], torch.where(right, outputs.argmax(1), wrong)[held])
    found = answer(outputs, targets, accepted=accepted)
    assert (found.value, found.details["items"]) == (expected.value, int(held.sum()))
    assert found.details["bin_accuracy"] == expected.details["bin_accuracy"]
    assert found.details["nll"] is found.details["brier"] is None
    assert found.details["scores_reason"] == "items have several right answers"


def test_a_split_without_items_is_null_with_a_reason() -> None:
    outputs, targets = made(4, 3)
    nothing = answer(outputs, targets, accepted=torch.zeros(4, 3, dtype=torch.bool))
    for found in (answer(outputs[:0], targets[:0]), nothing):
        assert (found.value, found.reason) == (None, "the split has no items")


def test_one_class_is_null_with_a_reason() -> None:
    found = answer(torch.zeros(5, 1), torch.zeros(5, dtype=torch.int64))
    assert (found.value, found.reason) == (None, "the data has only 1 class, so every answer is sure and right")


def test_nan_is_a_numerical_failure_in_words() -> None:
    outputs, targets = made(6, 10)
    outputs[2, 3] = math.nan
    with pytest.raises(ArithmeticError, match="the outputs of 1 of 6 items of a batch of split 'test' hold NaN"):
        answer(outputs, targets)


def test_a_label_without_an_output_is_a_data_error() -> None:
    with pytest.raises(DataError, match="split 'test' has label 12, but the network has 10 outputs"):
        answer(torch.zeros(2, 10), torch.tensor([0, 12]))


def test_right_answers_of_other_classes_are_a_data_error() -> None:
    outputs, targets = made(4, 3)
    with pytest.raises(DataError, match="says of 5 classes whether they are right, but the network has 3 outputs"):
        answer(outputs, targets, accepted=torch.ones(4, 5, dtype=torch.bool))


@pytest.mark.parametrize(("options", "at"), [({}, {}), ({"bins": 15}, {}), ({"bins": 20}, {"bins": 20})])
def test_other_bins_are_another_measurement(options: dict[str, int], at: dict[str, int]) -> None:
    collector = CalibrationError(**options)
    assert [(a.metric, a.split, a.at) for a in collector.asked()] == [("ece", s, at) for s in ("validation", "test")]
    held = collector.tally("test", Classification(), "0" * 64)
    held.update(torch.zeros(2, 3), Batch(torch.zeros(2, 3), torch.tensor([0, 1])))
    assert held.finish()[0][0].asked == collector.asked()[1]


@pytest.mark.parametrize("bins", [0, -1, 1001])
def test_a_number_of_bins_that_makes_no_sense_is_refused(bins: int) -> None:
    with pytest.raises(ValidationError, match="bins"):
        CalibrationError(bins=bins)
