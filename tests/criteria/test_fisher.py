"""The empirical Fisher of gates: half the mean square of the items' derivatives, and what it is for."""

from __future__ import annotations

import pytest
import torch
from derivatives import doubled, finite_differences, left_alone
from scorings import scoring_of, split
from torch import nn
from torch.nn.functional import cross_entropy

from harness.criteria.fisher import Fisher
from harness.surgery import masked
from harness.tasks.base import Batch


@pytest.mark.parametrize("target", ["attention", "mlp", "block"])
def test_the_score_is_half_the_mean_square_of_the_derivatives(tiny_net: nn.Module, batch: Batch, target: str) -> None:
    net, items = tiny_net.double(), doubled(batch)
    scoring = scoring_of(net, split(items, 7), target)
    expected = {unit.name: (finite_differences(net, items, unit.name) ** 2).mean() / 2 for unit in scoring.units}
    assert Fisher().scores(scoring) == pytest.approx(expected, rel=1e-4)


def test_items_are_squared_one_by_one(tiny_net: nn.Module, batch: Batch) -> None:
    """The square of the mean gradient, which a derivative of the mean loss would give, is another number."""
    net, items = tiny_net.double(), doubled(batch)
    mean = finite_differences(net, items, "blocks.0.attn").mean()
    assert Fisher().scores(scoring_of(net, [items]))["blocks.0.attn"] > 2 * mean**2 / 2


def test_a_unit_that_adds_nothing_scores_zero(tiny_net: nn.Module, batch: Batch) -> None:
    for parameter in tiny_net.get_submodule("blocks.1.attn.proj").parameters():
        nn.init.zeros_(parameter)
    scores = Fisher().scores(scoring_of(tiny_net, [batch]))
    assert scores["blocks.1.attn"] == 0
    assert min(scores["blocks.0.attn"], scores["blocks.2.attn"]) > 0


def test_targets_are_read(tiny_net: nn.Module, batch: Batch) -> None:
    others = Batch(batch.inputs, (batch.targets + 1) % 10)
    assert Fisher().scores(scoring_of(tiny_net, [batch])) != Fisher().scores(scoring_of(tiny_net, [others]))


def test_a_loss_that_grows_by_the_square_of_the_gate_is_told_by_it(tiny_net: nn.Module, batch: Batch) -> None:
    """Small against large: a branch of a tenth of the size has a hundredth of the score, or nearly so."""
    scoring = scoring_of(tiny_net, [batch])
    before = Fisher().scores(scoring)["blocks.2.attn"]
    for parameter in tiny_net.get_submodule("blocks.2.attn.proj").parameters():
        parameter.data.mul_(0.1)
    after = Fisher().scores(scoring)["blocks.2.attn"]
    assert after == pytest.approx(before / 100, rel=0.5)
    with torch.inference_mode(), masked(tiny_net, scoring.units[2].sublayers, "skip"):
        without = cross_entropy(tiny_net(batch.inputs), batch.targets)
    with torch.inference_mode():
        assert float(without) == pytest.approx(float(cross_entropy(tiny_net(batch.inputs), batch.targets)), abs=0.05)


def test_parameters_hold_no_gradient_afterwards(tiny_net: nn.Module, batch: Batch) -> None:
    assert left_alone(tiny_net, lambda: Fisher().scores(scoring_of(tiny_net, [batch])))
