"""Norms of what units add against the stream, against numpy on a hand-written forward pass."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scorings import scoring_of, streams
from torch import nn

from harness.criteria.relative_magnitude import RelativeMagnitude
from harness.tasks.base import Batch


@pytest.mark.parametrize("target", ["attention", "mlp", "block"])
@pytest.mark.parametrize("against", ["enters", "leaves"])
def test_the_ratio_is_taken_by_token_and_then_averaged(
    tiny_net: nn.Module, batch: Batch, target: str, against: str
) -> None:
    flow = [(name, x.double().numpy(), y.double().numpy()) for name, x, y in streams(tiny_net, batch.inputs)]
    if target == "block":
        pairs = zip(flow[::2], flow[1::2], strict=True)
        flow = [(a.rpartition(".")[0], x, y) for (a, x, _), (_, _, y) in pairs]
    core = {"attention": ".attn", "mlp": ".mlp", "block": ""}[target]
    norm = np.linalg.norm
    expected = {
        name: float((norm(y - x, axis=-1) / norm(x if against == "enters" else y, axis=-1)).mean())
        for name, x, y in flow
        if name.endswith(core)
    }
    found = RelativeMagnitude.model_validate({"against": against}).scores(scoring_of(tiny_net, [batch], target))
    assert found == pytest.approx(expected, rel=1e-4)


def test_a_stream_twice_as_large_halves_the_ratio(tiny_net: nn.Module, batch: Batch) -> None:
    criterion, scale = RelativeMagnitude(), 2.0
    x, added = torch.randn(2, 5, 8), torch.randn(2, 5, 8)
    assert torch.allclose(criterion._ratio(scale * x, added), criterion._ratio(x, added) / scale)


def test_a_token_of_zeros_gives_a_finite_number() -> None:
    found = RelativeMagnitude()._ratio(torch.zeros(1, 1, 4), torch.zeros(1, 1, 4))
    assert float(found) == 0
