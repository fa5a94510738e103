"""The reference count against closed formulas, and against itself in other precisions, kernels and forms."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from conftest import TINY
from reading import Reading, X
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from harness.counting import count_macs
from harness.models import content_of


class Attention(nn.Module):
    """A bare attention of inputs to themselves; `heads` query heads share the given key heads."""

    def __init__(self, heads: int, is_causal: bool = False) -> None:
        super().__init__()
        self.heads, self.is_causal = heads, is_causal

    def forward(self, x: Tensor) -> Tensor:
        query = x.repeat(1, self.heads // x.shape[1], 1, 1)
        return F.scaled_dot_product_attention(query, x, x, is_causal=self.is_causal, enable_gqa=True)


@pytest.mark.parametrize("backend", [SDPBackend.FLASH_ATTENTION, SDPBackend.MATH])
def test_the_kernel_that_runs_does_not_change_the_count(tiny_net: nn.Module, backend: SDPBackend) -> None:
    with sdpa_kernel(backend):
        count = count_macs(Reading(tiny_net), X)
    expected = count_macs(tiny_net, X)
    assert (count.total, count.activations, count.uncounted) == (expected.total, expected.activations, ())
    assert ("aten._scaled_dot_product_flash_attention_for_cpu" in count.by_operator) == (backend != SDPBackend.MATH)


def test_grouped_queries_count_as_repeated_keys() -> None:
    class Repeated(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            many = x.repeat_interleave(2, dim=1)
            return F.scaled_dot_product_attention(x.repeat(1, 2, 1, 1), many, many)

    x = torch.randn(2, 3, 5, 7)
    assert count_macs(Repeated(), x).total == count_macs(Attention(6), x).total


def test_causal_attention_is_counted_in_full() -> None:
    x = torch.randn(2, 3, 5, 7)
    assert count_macs(Attention(3, is_causal=True), x).total == 2 * (2 * 3 * 5 * 5 * 7)


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_grouped_queries_count_by_query_heads(device: str) -> None:
    x = torch.randn(2, 3, 5, 7, device=device)
    assert count_macs(Attention(6), x).total == 2 * (2 * 6 * 5 * 5 * 7)


def test_products_with_a_vector_are_counted() -> None:
    class Scores(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.direction = nn.Parameter(torch.ones(6))

        def forward(self, x: Tensor) -> Tensor:
            return x @ self.direction

    count = count_macs(Scores(), torch.randn(4, 6))
    assert (count.total, count.uncounted) == (24, ())


def test_modules_add_up_to_their_parents(tiny_net: nn.Module) -> None:
    found = count_macs(tiny_net, torch.randn(1, 1, 8, 8)).by_module
    assert found["blocks.1"] == found["blocks.1.attn"] + found["blocks.1.mlp"]
    assert found["blocks"] == sum(found[f"blocks.{depth}"] for depth in range(3))
    assert found[""] == found["patch_embed"] + found["blocks"] + found["head"]


def test_a_sublayer_costs_what_its_formula_says(tiny_net: nn.Module) -> None:
    found = count_macs(tiny_net, torch.randn(1, 1, 8, 8)).by_module
    tokens, width = 17, TINY["embed_dim"]
    assert found["blocks.0.attn"] == 4 * tokens * width**2 + 2 * tokens**2 * width
    assert found["blocks.0.mlp"] == 8 * tokens * width**2


def test_the_count_is_linear_in_the_batch(tiny_net: nn.Module) -> None:
    one, eight = (count_macs(tiny_net, torch.randn(n, 1, 8, 8)).total for n in (1, 8))
    assert eight == 8 * one


def test_an_operator_without_a_formula_is_named() -> None:
    class Distances(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")

    assert count_macs(Distances(), torch.randn(4, 6)).uncounted == ("aten._cdist_forward",)


@pytest.mark.filterwarnings("ignore")  # torch means to retire its quantised layers, one warning after the other
def test_quantised_operators_are_named() -> None:
    net = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(8, 6)), {nn.Linear})  # type: ignore[no-untyped-call]
    count = count_macs(net, torch.randn(2, 8))
    assert (count.total, count.uncounted) == (0, ("quantized.linear_dynamic",))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("form", [nn.Sequential, Reading])
def test_counting_leaves_no_trace(
    tiny_net: nn.Module, form: Callable[[nn.Module], nn.Module], dtype: torch.dtype
) -> None:
    net = form(tiny_net).to(dtype).to(memory_format=torch.channels_last)
    net.train()
    before, fields = content_of(net), [sorted(vars(module)) for module in net.modules()]
    strides = [p.stride() for p in net.parameters()]
    count_macs(net, X.to(dtype))
    assert content_of(net) == before
    assert [sorted(vars(module)) for module in net.modules()] == fields
    assert [p.stride() for p in net.parameters()] == strides
    assert all(p.requires_grad and p.device.type == "cpu" for p in net.parameters())
    assert all(module.training for module in net.modules())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())


def test_a_fault_of_the_network_is_not_hidden() -> None:
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        count_macs(nn.Linear(3, 2), torch.randn(1, 4))
