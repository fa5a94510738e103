"""Stochastic depth where a network has it: equal steps from no rate at the first block to all of it at the last."""

from __future__ import annotations

from typing import Any

import pytest
import timm
import torch
from timm.layers.drop import DropPath
from torch import nn

import harness.architectures  # noqa: F401  # registers the networks

PYRAMID: dict[str, Any] = {"embed_dims": (8, 16), "depths": (2, 3), "mlp_ratios": (2, 2)}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("lit_s", {**PYRAMID, "img_size": 8, "num_heads": (1, 2), "has_msa": (0, 1)}),
        ("cyclemlp_b1", PYRAMID),
        ("gi_cyclemlp_b1", {**PYRAMID, "inhibition": "figure"}),
        ("sparse_mlp_b", {"img_size": 32, "embed_dim": 8, "depth": 3, "sparse_depth": 2}),
    ],
)
def test_rates_rise_in_equal_steps_to_the_one_that_is_asked_for(name: str, options: dict[str, Any]) -> None:
    with torch.device("meta"):
        net: nn.Module = timm.create_model(name, **options, drop_path_rate=0.4)
    blocks = [module for module in net.modules() if hasattr(module, "drop_path2")]
    rates = [{drop.drop_prob for drop in block.children() if isinstance(drop, DropPath)} for block in blocks]
    assert all(len(own) == 1 for own in rates)
    assert [own.pop() for own in rates] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])


@pytest.mark.parametrize(
    ("name", "published"), [("lit_ti", 0.1), ("lit_s", 0.2), ("lit_m", 0.3), ("lit_b", 0.5), ("cyclemlp_b1", 0.1)]
)
def test_the_published_rate_is_the_default(name: str, published: float) -> None:
    with torch.device("meta"):
        net: nn.Module = timm.create_model(name)
    assert max(drop.drop_prob for drop in net.modules() if isinstance(drop, DropPath)) == pytest.approx(published)
