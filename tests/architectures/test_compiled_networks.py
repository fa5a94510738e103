"""LIT, CycleMLP and giMLP are one graph to torch.compile, and give what they give without it."""

from __future__ import annotations

from typing import Any

import pytest
import timm
import torch
from torch import nn

import harness.architectures  # noqa: F401  # registers the networks

LIT: dict[str, Any] = {"embed_dims": (8, 12), "depths": (1, 1), "num_heads": (1, 2), "mlp_ratios": (2, 2)}
CYCLE: dict[str, Any] = {"embed_dims": (8, 12), "depths": (1, 1), "mlp_ratios": (2, 2), "inhibition_level": 0.3}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("lit_s", {**LIT, "img_size": 16, "has_msa": (0, 1)}),
        ("gi_cyclemlp_b1", CYCLE),
        ("gi_cyclemlp_b1", {**CYCLE, "inhibition": "figure"}),
        ("gi_deit_tiny", {"img_size": 16, "patch_size": 8, "embed_dim": 12, "depth": 1}),
    ],
)
def test_a_network_is_one_graph_to_the_compiler(name: str, options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    net: nn.Module = timm.create_model(name, **options).eval()
    x = torch.randn(2, 3, 16, 16)
    torch.compiler.reset()
    with torch.no_grad():
        found = torch.compile(net, backend="eager", fullgraph=True)(x)
        torch.testing.assert_close(found, net(x))
