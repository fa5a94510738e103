"""Derivatives of gates against finite differences, item by item, in float64."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from derivatives import doubled, finite_differences, left_alone, losses
from scorings import scoring_of, split
from torch import nn

from harness.criteria.gates import gate_derivatives
from harness.criteria.taylor import Taylor
from harness.tasks.base import Batch


@pytest.mark.parametrize("target", ["attention", "mlp", "block"])
def test_every_items_derivative_is_that_of_finite_differences(tiny_net: nn.Module, batch: Batch, target: str) -> None:
    net, items = tiny_net.double(), doubled(batch)
    found = gate_derivatives(scoring_of(net, split(items, 7), target))
    for unit, derivatives in found.items():
        assert np.allclose(derivatives.numpy(), finite_differences(net, items, unit), rtol=1e-5, atol=1e-8)


def test_under_identity_the_gate_runs_from_the_stream_to_the_branch(tiny_net: nn.Module, batch: Batch) -> None:
    net, items = tiny_net.double(), doubled(batch)
    found = gate_derivatives(replace(scoring_of(net, [items]), removal="identity"))
    for unit, derivatives in found.items():
        by_hand = finite_differences(net, items, unit, "identity")
        assert np.allclose(derivatives.numpy(), by_hand, rtol=1e-5, atol=1e-8)
        assert not np.allclose(by_hand, finite_differences(net, items, unit))


def test_the_score_is_the_mean_absolute_derivative(tiny_net: nn.Module, batch: Batch) -> None:
    net, items = tiny_net.double(), doubled(batch)
    expected = {f"blocks.{i}.attn": abs(finite_differences(net, items, f"blocks.{i}.attn")).mean() for i in range(3)}
    assert Taylor().scores(scoring_of(net, [items])) == pytest.approx(expected, rel=1e-5)


def test_items_of_opposite_sign_do_not_cancel(tiny_net: nn.Module, batch: Batch) -> None:
    derivatives = gate_derivatives(scoring_of(tiny_net, [batch]))["blocks.0.attn"]
    assert bool((derivatives > 0).any())
    assert bool((derivatives < 0).any())
    score = Taylor().scores(scoring_of(tiny_net, [batch]))["blocks.0.attn"]
    assert score > abs(float(derivatives.mean()))


def test_the_derivative_tells_what_a_small_step_of_the_gate_costs(tiny_net: nn.Module, batch: Batch) -> None:
    net, items = tiny_net.double(), doubled(batch)
    derivatives = gate_derivatives(scoring_of(net, [items], "mlp"))["blocks.1.mlp"]
    change = losses(net, items, "blocks.1.mlp", 1.0) - losses(net, items, "blocks.1.mlp", 0.999)
    assert torch.allclose(change, 0.001 * derivatives, rtol=1e-2, atol=1e-6)


@pytest.mark.parametrize("asks", [True, False])
def test_parameters_are_left_as_they_were(tiny_net: nn.Module, batch: Batch, asks: bool) -> None:
    next(tiny_net.parameters()).requires_grad_(asks)
    assert left_alone(tiny_net, lambda: Taylor().scores(scoring_of(tiny_net, [batch])))


def test_gradients_are_had_where_a_caller_has_turned_them_off(tiny_net: nn.Module, batch: Batch) -> None:
    scores = Taylor().scores(scoring_of(tiny_net, [batch]))
    with torch.inference_mode():
        copied = Batch(batch.inputs.clone(), batch.targets.clone())
        assert Taylor().scores(scoring_of(tiny_net, [copied])) == scores


def test_how_items_are_batched_does_not_matter(tiny_net: nn.Module, batch: Batch) -> None:
    whole = Taylor().scores(scoring_of(tiny_net, [batch]))
    assert Taylor().scores(scoring_of(tiny_net, split(batch, 5))) == pytest.approx(whole, rel=1e-4)
