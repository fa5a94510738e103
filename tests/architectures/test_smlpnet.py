"""sMLPNet keeps to its paper: the numbered facts of its sheet, its tables, and what it refuses."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, cast

import pytest
import timm
import torch
from shaking import shaken
from torch import Tensor, nn
from torch.nn.functional import gelu

import harness.architectures  # noqa: F401  # registers the names
from harness.architectures.smlpnet import Block, Mixing, SMLPNet, SparseMLP
from harness.counting import count_macs
from harness.errors import DataError, SpecError
from harness.models import create
from harness.models.weights import put_state
from harness.schema import Options

TINY: dict[str, Any] = {"img_size": 16, "dim": 8, "depths": (1, 2), "num_classes": 5}
PUBLISHED = [  # table, row: name, options, parameters, GMACs
    ("1-4 T", "smlpnet_t", {}, 24_123_584, 4.989),
    ("1-4 S", "smlpnet_s", {}, 48_558_136, 10.312),
    ("1 local and global", "smlpnet_t_star", {}, 19_175_584, 3.946),
    ("1 global only", "smlpnet_t_star", {"local": False}, 19_096_384, 3.924),
    ("1 local only", "smlpnet_t_star", {"global": False, "dim": 112}, 22_540_776, 4.376),
    ("2 S1 S2 S3 S4, B", "smlpnet_b", {}, 65_880_408, 13.987),
    ("2 S2 S3 S4", "smlpnet_b", {"stages": [2, 3, 4]}, 65_791_928, 13.672),
    ("2 S3 S4", "smlpnet_b", {"stages": [3, 4]}, 64_265_928, 12.393),
    ("2 S4", "smlpnet_b", {"stages": [4]}, 49_783_656, 9.502),
    ("2 none", "smlpnet_b", {"stages": []}, 44_962_952, 9.265),
    ("3 sum", "smlpnet_s", {"fusion": "sum"}, 33_241_144, 7.017),
    ("3 weighted sum", "smlpnet_s", {"fusion": "weighted_sum"}, 33_279_736, 7.017),
]


def smlp(width: int = 6, size: tuple[int, int] = (4, 4), **mixing: Any) -> SparseMLP:
    torch.manual_seed(0)
    return shaken(SparseMLP(width, size, Mixing(**mixing)))


def x_of(width: int = 6, size: tuple[int, int] = (4, 4), items: int = 2) -> Tensor:
    return torch.randn(items, width, *size, generator=torch.Generator().manual_seed(1))


def tiny(**options: Any) -> SMLPNet:
    return cast(SMLPNet, timm.create_model("smlpnet_t", **{**TINY, **options}))


@pytest.mark.parametrize(("row", "name", "options", "params", "gmacs"), PUBLISHED, ids=[row[0] for row in PUBLISHED])
def test_fact_1_and_9_every_measured_row_is_met(
    row: str, name: str, options: Options, params: int, gmacs: float
) -> None:
    net = create(name, options, {}, device="meta")
    assert sum(p.numel() for p in net.parameters()) == params
    count = count_macs(net, torch.empty(1, 3, 224, 224, device="meta"))
    assert count.total / 1e9 == pytest.approx(gmacs, rel=1e-3)
    assert count.uncounted == ()


def test_the_module_costs_what_the_formulas_say() -> None:
    module = SparseMLP(80, (56, 56))
    assert sum(p.numel() for p in module.parameters()) == 25_744
    count = count_macs(module, torch.empty(1, 80, 56, 56, device="meta"))
    assert count.total == 56 * 56 * 80 * (56 + 56) + 3 * 56 * 56 * 80**2 == 88_309_760


@pytest.mark.parametrize("size", [(4, 4), (3, 5)])
def test_the_module_is_what_algorithm_1_says(size: tuple[int, int]) -> None:
    module, x = smlp(size=size), x_of(size=size)
    a = gelu(module.norm(x))
    rows = torch.einsum("vw,nchw->nchv", module.row.weight, a) + module.row.bias
    columns = torch.einsum("uh,nchw->ncuw", module.column.weight, a) + module.column.bias[:, None]
    expected = torch.einsum("oc,nchw->nohw", module.fusion.weight[:, :, 0, 0], torch.cat([a, rows, columns], 1))
    torch.testing.assert_close(module(x), expected)


def test_fact_2_without_its_matrices_the_module_is_its_activation() -> None:
    module = smlp()
    with torch.no_grad():
        for layer in (module.row, module.column):
            layer.weight.zero_()
            layer.bias.zero_()
        module.fusion.weight.copy_(torch.eye(6, 18)[:, :, None, None])
    assert torch.equal(module(x_of()), gelu(module.norm(x_of())))


def test_fact_3_a_position_sees_its_row_and_its_column_and_through_two_modules_all() -> None:
    first, second = smlp(), smlp()
    x = x_of(items=1).requires_grad_()
    (seen,) = torch.autograd.grad(first(x)[0, :, 1, 2].sum(), x)
    reached = seen[0].abs().sum(0) > 0
    expected = torch.zeros(4, 4, dtype=torch.bool)
    expected[1, :] = expected[:, 2] = True
    assert torch.equal(reached, expected)
    (seen,) = torch.autograd.grad(second(first(x))[0, :, 1, 2].sum(), x)
    assert bool((seen[0].abs().sum(0) > 0).all())


def test_fact_4_permuted_channels_give_permuted_channels() -> None:
    module, permuted, x = smlp(), smlp(), x_of()
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    thrice = torch.cat([order, order + 6, order + 12])
    with torch.no_grad():
        permuted.fusion.weight.copy_(module.fusion.weight[order][:, thrice])
        for name in ("weight", "bias", "running_mean", "running_var"):
            getattr(permuted.norm, name).copy_(getattr(module.norm, name)[order])
    torch.testing.assert_close(permuted(x[:, order]), module(x)[:, order])


def test_fact_5_a_transposed_map_with_swapped_matrices_gives_the_transposed_output() -> None:
    module, swapped, x = smlp(size=(3, 5)), smlp(size=(5, 3)), x_of(size=(3, 5))
    swapped.norm.load_state_dict(module.norm.state_dict())
    swapped.row.load_state_dict(module.column.state_dict())
    swapped.column.load_state_dict(module.row.state_dict())
    with torch.no_grad():
        first, rows, columns = module.fusion.weight.chunk(3, 1)
        swapped.fusion.weight.copy_(torch.cat([first, columns, rows], 1))
    torch.testing.assert_close(swapped(x.mT), module(x).mT)


def test_fact_6_inputs_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="built for inputs of 16x16, not 32x16: img_size sets the size"):
        tiny()(torch.zeros(1, 3, 32, 16))


def test_fact_7_without_smlp_a_stage_keeps_its_convolutions_and_its_residual() -> None:
    blocks: Any = tiny(stages=[2]).stages[0].blocks
    assert [type(block) for block in blocks] == [Block]
    block = shaken(blocks[0])
    x = x_of(8)
    y = x + block.token_mixer.local(x)
    assert torch.equal(block(x), y + block.mlp(y))


def test_fact_8_drop_path_rises_with_the_block_to_the_rate() -> None:
    net = create("smlpnet_s", {}, {}, device="meta")
    blocks = [module for module in net.modules() if isinstance(module, Block)]
    rates = [[getattr(drop, "drop_prob", 0.0) for drop in (block.drop_path1, block.drop_path2)] for block in blocks]
    expected = [[0.2 * number / 37] * 2 for number in range(38)]
    assert torch.allclose(torch.tensor(rates), torch.tensor(expected))


@pytest.mark.parametrize("order", ["horizontal_first", "vertical_first"])
@pytest.mark.parametrize("identity", [True, False])
def test_fact_9_branches_may_follow_each_other(order: str, identity: bool) -> None:
    module, x = smlp(branches=order, identity=identity), x_of()
    a = gelu(module.norm(x))

    def rows(y: Tensor) -> Tensor:
        return torch.einsum("vw,nchw->nchv", module.row.weight, y) + module.row.bias

    def columns(y: Tensor) -> Tensor:
        return torch.einsum("uh,nchw->ncuw", module.column.weight, y) + module.column.bias[:, None]

    mixed = columns(rows(a)) if order == "horizontal_first" else rows(columns(a))
    maps = torch.cat([a, mixed] if identity else [mixed], 1)
    torch.testing.assert_close(module(x), torch.einsum("oc,nchw->nohw", module.fusion.weight[:, :, 0, 0], maps))


def test_fact_9_fusions_by_a_sum_are_sums() -> None:
    plain, weighted, x = smlp(fusion="sum"), smlp(fusion="weighted_sum"), x_of()
    a = gelu(plain.norm(x))
    torch.testing.assert_close(plain(x), a + plain.row(a) + plain._along_columns(a))
    a = gelu(weighted.norm(x))
    maps = torch.stack([a, weighted.row(a), weighted._along_columns(a)])
    torch.testing.assert_close(weighted(x), torch.einsum("mc,mnchw->nchw", weighted.scales[:, :, 0, 0], maps))


def state_of(module: nn.Module) -> Iterable[tuple[str, Tensor]]:
    return module.state_dict().items()


def published_names(net: Any) -> dict[str, Tensor]:
    """The state under the names of the paper's code, matrices as convolutions."""
    found: dict[str, Tensor] = {}
    number = 0
    for at, stage in enumerate(net.stages):
        found[f"to_patch_embedding.{at}.0.weight"] = stage.embedding.weight
        for block in stage.blocks:
            token, channel = f"token_mix.{number}", f"channel_mix.{number}"
            local, module = block.token_mixer.local, block.token_mixer.smlp
            held = {f"{token}.0.conv_merge.BN": local.norm, f"{token}.0.conv_merge.Conv": local.convolution}
            held |= {f"{token}.1.BN": module.norm, f"{token}.1.fuse": module.fusion, f"{channel}.1": block.mlp.norm}
            held |= {f"{channel}.2.net.0": block.mlp.expand, f"{channel}.2.net.3": block.mlp.reduce}
            for name, layer in (("proj_h", module.row), ("proh_w", module.column)):
                found[f"{token}.1.{name}.weight"] = layer.weight[:, :, None, None]
                found[f"{token}.1.{name}.bias"] = layer.bias
            found |= {
                f"{name}.{part}": tensor for name, one in held.items() for part, tensor in one.state_dict().items()
            }
            number += 1
    found |= {f"batch_norm.{part}": tensor for part, tensor in state_of(net.norm)}
    return found | {f"mlp_head.0.{part}": tensor for part, tensor in state_of(net.head)}


def test_weights_load_by_their_published_names_and_by_our_own() -> None:
    net, other = shaken(tiny()), tiny().eval()
    x = torch.randn(2, 3, 16, 16)
    put_state(other, published_names(net), "published")
    assert torch.equal(other(x), net(x))
    assert list(other.from_published(net.state_dict())) == list(net.state_dict())


def test_published_weights_of_a_deeper_network_belong_to_another() -> None:
    with pytest.raises(DataError, match=r"belong to another network: \d+ unexpected: token_mix\."):
        put_state(tiny(depths=(1, 1)), published_names(tiny(depths=(1, 2))), "published")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"identity": "no"}, "identity must be true or false, not 'no'"),
        ({"global": "no"}, "global must be true or false, not 'no'"),
        ({"drop_path_rate": 1.0}, "drop_path_rate must be at least 0 and below 1, not 1.0"),
        ({"img_size": 30}, "img_size must be a multiple of 32 (patches of 4, halved 3 times), not 30"),
        ({"patch_size": 0}, "patch_size and the number of stages must be at least 1, not 0 and 4"),
        ({"stages": [0]}, "stages are counted from 1 to 4, not [0]"),
        ({"fusion": "product"}, "fusion must be one of linear, sum, weighted_sum, not 'product'"),
        ({"branches": "both"}, "branches must be one of parallel, horizontal_first, vertical_first, not 'both'"),
        ({"local": False, "global": False}, "stage 1 would mix no positions"),
        ({"local": False, "stages": [1, 2, 4]}, "stage 3 would mix no positions"),
        ({"depths": [2, 0, 2, 2]}, "dim, depths and alpha dim must be at least 1"),
        ({"widths": 4}, "no such option of smlpnet_t"),
    ],
)
def test_what_cannot_be_built_is_said(options: Options, message: str) -> None:
    with pytest.raises(SpecError, match=re.escape(message)):
        create("smlpnet_t", options, {}, device="meta")
