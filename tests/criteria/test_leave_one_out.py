"""The oracle of single removals, against numpy on a hand-written forward pass."""

from __future__ import annotations

import pytest
import torch
from outcomes import error, logits, loss
from scorings import scoring_of, split
from torch import nn

from harness.criteria.leave_one_out import LeaveOneOut
from harness.errors import SpecError
from harness.searches.one_shot import OneShot
from harness.tasks.base import Batch


@pytest.mark.parametrize("target", ["attention", "mlp", "block"])
@pytest.mark.parametrize(("metric", "outcome"), [("loss", loss), ("accuracy", error)], ids=["loss", "accuracy"])
def test_a_unit_scores_what_its_removal_does(  # type: ignore[no-untyped-def]  # outcome is one of two functions
    tiny_net: nn.Module, batch: Batch, target: str, metric: str, outcome
) -> None:
    scoring = scoring_of(tiny_net, split(batch, 6), target)
    found = OneShot().select(LeaveOneOut.model_validate({"metric": metric}), scoring).info
    for unit in scoring.units:
        without = logits(tiny_net, batch.inputs, {sublayer.name for sublayer in unit.sublayers})
        assert found.scores[unit.name] == pytest.approx(outcome(without, batch.targets), abs=1e-5)


def test_the_unit_that_costs_least_goes_first(tiny_net: nn.Module, batch: Batch) -> None:
    info = OneShot().select(LeaveOneOut(), scoring_of(tiny_net, [batch], "joint")).info
    assert info.order == tuple(sorted(info.scores, key=lambda name: info.scores[name]))


def test_it_is_for_single_removals_only() -> None:
    assert LeaveOneOut.searches == ("one_shot",)
    assert LeaveOneOut.uses_labels


def test_items_without_labels_cannot_be_scored(tiny_net: nn.Module, batch: Batch) -> None:
    scoring = scoring_of(tiny_net, [Batch(batch.inputs, torch.zeros(16))])
    with pytest.raises(SpecError, match=r"criteria\.leave_one_out: needs a label"):
        LeaveOneOut().set_score(scoring)


def test_items_is_how_much_of_the_calibration_part_is_read() -> None:
    assert (LeaveOneOut().calibration_items, LeaveOneOut(items=64).calibration_items) == (None, 64)
