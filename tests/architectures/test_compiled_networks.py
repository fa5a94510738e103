"""The six networks are one graph to torch.compile, but for routing by content, and give what they give without it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import timm
import torch
from shaking import shaken
from torch import Tensor, nn
from torch._dynamo.utils import counters
from torch.fx import GraphModule

import harness.architectures  # noqa: F401  # registers the networks

SMLP: dict[str, Any] = {"img_size": 16, "dim": 8, "depths": (1, 1)}
REPMLP: dict[str, Any] = {**SMLP, "share_sets": (1, 2)}
LIT: dict[str, Any] = {"embed_dims": (8, 12), "depths": (1, 1), "num_heads": (1, 2), "mlp_ratios": (2, 2)}
CYCLE: dict[str, Any] = {"embed_dims": (8, 12), "depths": (1, 1), "mlp_ratios": (2, 2), "inhibition_level": 0.3}
SPARSE: dict[str, Any] = {
    "img_size": 16,
    "patch_size": 4,
    "embed_dim": 8,
    "depth": 0,
    "sparse_depth": 1,
    "token_experts": 2,
    "has_channel_experts": False,
    "inner_tokens_dim": 8,
    "inner_channels_dim": 8,
}
TEXT: dict[str, Any] = {"vocabulary": 30, "context": 12, "width": 8, "ffn_dim": 16, "experts": 2, "dense_depth": 0}


def network(name: str, options: dict[str, Any]) -> nn.Module:
    torch.manual_seed(0)
    net: nn.Module = timm.create_model(name, **options)
    return shaken(net)


def inputs(name: str, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    if name == "sparse_all_mlp":
        return torch.randint(30, (3, 12), generator=generator)
    return torch.randn(2, 3, 16, 16, generator=generator)


def told(outputs: Any) -> Tensor:
    """Logits, wherever they are."""
    found: Tensor = getattr(outputs, "logits", outputs)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("smlpnet_t", SMLP),
        ("repmlpnet_t224", {**REPMLP, "tile_size": 8}),
        ("repmlpnet_t224", {**REPMLP, "deploy": True}),
        ("lit_s", {**LIT, "img_size": 16, "has_msa": (0, 1)}),
        ("gi_cyclemlp_b1", CYCLE),
        ("gi_cyclemlp_b1", {**CYCLE, "inhibition": "figure"}),
        ("gi_deit_tiny", {"img_size": 16, "patch_size": 8, "embed_dim": 12, "depth": 1}),
        ("sparse_mlp_mixer_s", {"img_size": 16, "patch_size": 4, "embed_dim": 8, "depth": 1}),
        ("sparse_all_mlp", {**TEXT, "dense_depth": 1, "sparse_depth": 0}),
    ],
)
def test_a_network_is_one_graph_to_the_compiler(name: str, options: dict[str, Any]) -> None:
    net, x = network(name, options), inputs(name)
    torch.compiler.reset()
    with torch.no_grad():
        found = torch.compile(net, backend="eager", fullgraph=True)(x)
        torch.testing.assert_close(told(found), told(net(x)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("sparse_mlp_b", SPARSE),
        ("sparse_all_mlp", {**TEXT, "sparse_depth": 1, "routing": "partial", "prefix": 3}),
    ],
)
def test_a_network_with_experts_ends_a_graph_at_its_routing_alone(name: str, options: dict[str, Any]) -> None:
    net = network(name, options)
    graphs: list[GraphModule] = []

    def noting(graph: GraphModule, _: list[Tensor]) -> Callable[..., Any]:
        graphs.append(graph)
        return graph.forward

    torch.compiler.reset()
    counters.clear()
    compiled = torch.compile(net, backend=noting)
    known = []
    with torch.no_grad():
        for seed in range(5):
            x = inputs(name, seed)
            torch.testing.assert_close(told(compiled(x)), told(net(x)))
            known.append(len(graphs))
    assert 1 < known[0] <= known[-1] <= known[0] + 2  # an expert again for one other number of rows, then for any
    assert all("function routed" in reason for reason in counters["graph_break"])


@pytest.mark.slow
def test_an_assignment_that_balances_is_left_to_numpy() -> None:
    net, x = network("sparse_all_mlp", {**TEXT, "sparse_depth": 1}), inputs("sparse_all_mlp")
    torch.compiler.reset()
    counters.clear()
    with torch.no_grad():
        found = torch.compile(net.train(), backend="eager")(x)
        torch.testing.assert_close(told(found), told(net(x)))
    assert all("function routed" in reason or "function _balanced" in reason for reason in counters["graph_break"])
