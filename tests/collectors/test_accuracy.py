"""Accuracy against brute force."""

from __future__ import annotations

import base64

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.collectors.accuracy import Accuracy, best_ranks, label_ranks
from harness.collectors.base import Tally
from harness.errors import DataError
from harness.records import Measurement, Outcome
from harness.tasks.base import Batch
from harness.tasks.classification import Classification


def tally(split: str = "test") -> Tally:
    return Accuracy().tally(split, Classification(), "0" * 64)


def answers(
    outputs: Tensor, targets: Tensor, size: int = 7, accepted: Tensor | None = None
) -> tuple[tuple[Measurement, ...], tuple[Outcome, ...]]:
    held = tally()
    for start in range(0, len(outputs), size):
        own = slice(start, start + size)
        held.update(outputs[own], Batch(outputs[own], targets[own], None if accepted is None else accepted[own]))
    return held.finish()


def made(items: int, classes: int, levels: int = 4) -> tuple[Tensor, Tensor]:
    """Outputs of few levels, so that most rows hold equal ones."""
    generator = torch.Generator().manual_seed(items)
    outputs = torch.randint(levels, (items, classes), generator=generator).float()
    return outputs, torch.randint(classes, (items,), generator=generator)


def in_top(row: Tensor, label: int, top: int) -> bool:
    """By sorting in Python: largest first, then lowest index."""
    values = row.tolist()
    return label in sorted(range(len(values)), key=lambda index: (-values[index], index))[:top]


def made_accepted(items: int, classes: int) -> Tensor:
    """None, one or several right classes of each item."""
    generator = torch.Generator().manual_seed(items + 1)
    return torch.rand(items, classes, generator=generator) < 0.15


def bits(outcome: Outcome) -> list[bool]:
    packed = np.frombuffer(base64.b64decode(outcome.data), dtype=np.uint8)
    found: list[bool] = np.unpackbits(packed, count=outcome.items).astype(bool).tolist()
    return found


@pytest.mark.parametrize("top", [1, 5])
def test_shares_and_bits_equal_brute_force_with_ties(top: int) -> None:
    outputs, targets = made(61, 9)
    expected = [in_top(row, int(label), top) for row, label in zip(outputs, targets, strict=True)]
    measurements, outcomes = answers(outputs, targets)
    index = (1, 5).index(top)
    packed = np.frombuffer(base64.b64decode(outcomes[index].data), dtype=np.uint8)
    assert np.unpackbits(packed)[:61].astype(bool).tolist() == expected
    assert measurements[index].value == sum(expected) / 61
    assert measurements[index].details == {"correct": sum(expected), "items": 61}


def test_equal_outputs_rank_by_class_index() -> None:
    ranks = label_ranks(torch.zeros(4, 4), torch.arange(4))
    assert ranks.tolist() == [0, 1, 2, 3]


def test_infinite_outputs_are_ordinary_numbers() -> None:
    outputs = torch.tensor([[float("inf"), 0.0, float("-inf")]]).expand(3, 3)
    assert label_ranks(outputs, torch.arange(3)).tolist() == [0, 1, 2]


@pytest.mark.parametrize("classes", [2, 5])
def test_top5_of_five_classes_is_null_with_a_reason(classes: int) -> None:
    (top1, top5), outcomes = answers(*made(8, classes))
    assert top1.value is not None
    assert top5.value is None
    assert top5.reason == f"the data has only {classes} classes"
    assert [outcome.metric for outcome in outcomes] == ["top1"]


def test_a_split_without_items_is_null_with_a_reason() -> None:
    measurements, outcomes = tally().finish()
    assert [(m.value, m.reason) for m in measurements] == [(None, "the split has no items")] * 2
    assert outcomes == ()


def test_the_size_of_the_batches_does_not_matter() -> None:
    outputs, targets = made(50, 10)
    assert answers(outputs, targets, 3) == answers(outputs, targets, 50)


def test_nan_is_a_numerical_failure_in_words() -> None:
    outputs, targets = made(6, 10)
    outputs[2, 3] = float("nan")
    with pytest.raises(ArithmeticError, match="the outputs of 1 of 6 items of a batch of split 'test' hold NaN"):
        answers(outputs, targets)


def test_a_label_without_an_output_is_a_data_error() -> None:
    with pytest.raises(DataError, match="split 'test' has label 12, but the network has 10 outputs"):
        answers(torch.zeros(2, 10), torch.tensor([0, 12]))


def test_every_answer_that_was_asked_for_is_given() -> None:
    outputs, targets = made(6, 10)
    found = []
    for split in ("validation", "test"):
        held = tally(split)
        held.update(outputs, Batch(outputs, targets))
        found += [measurement.asked for measurement in held.finish()[0]]
    assert tuple(found) == Accuracy().asked()


def test_outcomes_carry_the_order_of_the_items() -> None:
    _, outcomes = answers(*made(6, 10))
    assert {(o.order, o.item, o.items, o.split) for o in outcomes} == {("0" * 64, "image", 6, "test")}


@pytest.mark.parametrize("top", [1, 5])
def test_any_accepted_class_counts_and_items_without_one_are_left_out(top: int) -> None:
    outputs, targets = made(90, 12)
    accepted = made_accepted(90, 12)
    expected = [
        any(in_top(row, label, top) for label in right.nonzero().flatten().tolist())
        for row, right in zip(outputs, accepted, strict=True)
        if right.any()
    ]
    measurements, outcomes = answers(outputs, targets, accepted=accepted)
    index = (1, 5).index(top)
    assert 0 < len(expected) < 90
    assert bits(outcomes[index]) == expected
    assert outcomes[index].items == len(expected)
    assert measurements[index].value == sum(expected) / len(expected)
    assert measurements[index].details == {"correct": sum(expected), "items": len(expected)}


def test_the_best_rank_is_the_least_of_all_accepted_ones() -> None:
    outputs, _ = made(200, 9, levels=3)
    accepted = made_accepted(200, 9)
    outputs[::3, ::2] = float("-inf")
    held = accepted.any(dim=1)
    every = torch.stack([label_ranks(outputs, torch.full((200,), label)) for label in range(9)], dim=1)
    expected = every.masked_fill(~accepted, 9).amin(dim=1)[held]
    assert torch.equal(best_ranks(outputs[held], accepted[held]), expected)


def test_one_accepted_class_is_the_same_as_a_label() -> None:
    outputs, targets = made(40, 11)
    accepted = torch.nn.functional.one_hot(targets, 11).bool()
    plain, other = answers(outputs, targets), answers(outputs, targets, accepted=accepted)
    assert plain[0] == other[0]
    assert [one.data for one in plain[1]] == [one.data for one in other[1]]


def test_the_order_tells_which_items_were_left_out() -> None:
    outputs, targets = made(30, 8)
    first, second = made_accepted(30, 8), made_accepted(30, 8)
    second[4] = ~first[4].any()
    orders = {answers(outputs, targets, accepted=a)[1][0].order for a in (None, first, second)}
    assert len(orders) == 3
    assert answers(outputs, targets, 4, first) == answers(outputs, targets, 30, first)


def test_a_split_without_any_accepted_class_is_null_with_a_reason() -> None:
    outputs, targets = made(6, 10)
    measurements, outcomes = answers(outputs, targets, accepted=torch.zeros(6, 10, dtype=torch.bool))
    assert {(m.value, m.reason) for m in measurements} == {(None, "no item of the split has a right answer")}
    assert outcomes == ()


def test_accepted_classes_must_be_the_outputs() -> None:
    outputs, targets = made(6, 10)
    with pytest.raises(DataError, match="says of 9 classes whether they are right, but the network has 10 outputs"):
        answers(outputs, targets, accepted=torch.ones(6, 9, dtype=torch.bool))


def test_one_class_has_no_accuracy_but_a_reason() -> None:
    measurements, outcomes = answers(torch.zeros(4, 1), torch.zeros(4, dtype=torch.int64))
    assert {(m.value, m.reason) for m in measurements} == {
        (None, "the data has one class only, so every answer is right")
    }
    assert outcomes == ()
