"""The reference count against published numbers, closed formulas and itself under other kernels."""

from __future__ import annotations

import pytest
import torch
from conftest import TINY
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from harness.counting import count_macs
from harness.families.catalogue import family_of
from harness.models import content_of, create
from harness.schema import Json
from harness.surgery import remove


def built(architecture: str, **options: Json) -> nn.Module:
    return create(architecture, options, {}, device="meta")


def meta(*shape: int) -> Tensor:
    return torch.empty(shape, device="meta")


class Attention(nn.Module):
    """A bare attention of inputs to themselves; `heads` query heads share the given key heads."""

    def __init__(self, heads: int, is_causal: bool = False) -> None:
        super().__init__()
        self.heads, self.is_causal = heads, is_causal

    def forward(self, x: Tensor) -> Tensor:
        query = x.repeat(1, self.heads // x.shape[1], 1, 1)
        return F.scaled_dot_product_attention(query, x, x, is_causal=self.is_causal, enable_gqa=True)


@pytest.mark.parametrize(
    ("architecture", "macs"),
    [
        ("deit_tiny_patch16_224", 1_253_683_200),
        ("deit_small_patch16_224", 4_598_882_304),
        ("deit_base_patch16_224", 17_563_828_224),
    ],
)
def test_deit_counts_are_exact(architecture: str, macs: int) -> None:
    assert count_macs(built(architecture), meta(1, 3, 224, 224)).total == macs


@pytest.mark.parametrize("fused", [True, False])
def test_the_parts_of_deit_tiny_add_up(fused: bool) -> None:
    net = built("deit_tiny_patch16_224")
    for module in net.modules():
        if hasattr(module, "fused_attn"):
            setattr(module, "fused_attn", fused)  # noqa: B010  # a plain attribute of timm's attention
    count = count_macs(net, meta(1, 3, 224, 224))
    assert count.by_operator == {"aten.convolution": 28_901_376, "aten.addmm": 1_045_949_952, "aten.bmm": 178_831_872}
    assert (sum(count.by_operator.values()), count.uncounted) == (count.total, ())


@pytest.mark.parametrize(
    ("architecture", "size", "gmacs"),
    [
        ("resnet50", 224, 4.089),
        ("convnext_tiny", 224, 4.456),
        ("swin_tiny_patch4_window7_224", 224, 4.491),
        ("mixer_b16_224", 224, 12.602),
        ("vit_small_patch16_384", 384, 15.490),
        ("vit_small_patch14_dinov2", 518, 46.697),
        ("eva02_tiny_patch14_224", 224, 1.698),
        ("beit_base_patch16_224", 224, 17.564),
        ("deit3_small_patch16_224", 224, 4.599),
        ("mobilevit_s", 256, 2.001),
    ],
)
def test_other_architectures_agree_with_the_measured_table(architecture: str, size: int, gmacs: float) -> None:
    count = count_macs(built(architecture), meta(1, 3, size, size))
    assert (round(count.total / 1e9, 3), count.uncounted) == (gmacs, ())


def test_a_network_whose_inputs_are_made_of_parameters_is_counted() -> None:
    assert round(count_macs(built("cait_xxs24_224"), meta(1, 3, 224, 224)).total / 1e9, 3) == 2.523


@pytest.mark.parametrize(("kind", "saved"), [("attention", 14.0), ("mlp", 18.5)])
def test_a_third_of_the_sublayers_saves_what_the_table_says(kind: str, saved: float) -> None:
    net = built("deit_tiny_patch16_224")
    four = [s for s in family_of(net).sublayers(net) if s.kind == kind][:4]
    left = count_macs(remove(net, four, "skip"), meta(1, 3, 224, 224)).total
    assert round(100 * (1 - left / 1_253_683_200), 1) == saved


@pytest.mark.parametrize("backend", [SDPBackend.FLASH_ATTENTION, SDPBackend.MATH])
def test_the_kernel_that_runs_does_not_change_the_count(tiny_net: nn.Module, backend: SDPBackend) -> None:
    class Reading(nn.Module):
        """Reads a value, which the meta device cannot: so the count runs on real tensors."""

        def forward(self, x: Tensor) -> Tensor:
            return x if x.sum().item() > -1e9 else -x

    real = nn.Sequential(Reading(), tiny_net)
    x = torch.randn(1, 1, 8, 8)
    with sdpa_kernel(backend):
        count = count_macs(real, x)
    assert (count.total, count.uncounted) == (count_macs(tiny_net, x).total, ())
    assert ("aten._scaled_dot_product_flash_attention_for_cpu" in count.by_operator) == (backend != SDPBackend.MATH)


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


def test_counting_leaves_no_trace(tiny_net: nn.Module) -> None:
    tiny_net.train()
    before = content_of(tiny_net)
    count_macs(tiny_net, torch.randn(1, 1, 8, 8))
    modules = list(tiny_net.modules())
    assert content_of(tiny_net) == before
    assert all(p.requires_grad and p.device.type == "cpu" for p in tiny_net.parameters())
    assert all(module.training for module in modules)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in modules)


def test_a_fault_of_the_network_is_not_hidden() -> None:
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        count_macs(nn.Linear(3, 2), torch.randn(1, 4))
