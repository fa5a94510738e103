"""The layout that the family claims is the layout that timm's block computes."""

from __future__ import annotations

import pytest
import torch
from conftest import TINY
from torch import Tensor, nn

from harness.errors import UnknownNameError
from harness.families.catalogue import families, family_of, sublayers_named
from harness.models import create
from harness.schema import Json, Options


def built(architecture: str, **options: Json) -> nn.Module:
    return create(architecture, options, {}, device="meta")


def by_the_book(block: nn.Module, x: Tensor, branch: tuple[str, ...]) -> Tensor:
    u = x
    for name in branch:
        u = block.get_submodule(name)(u)
    return x + u


def test_a_block_is_the_sum_of_its_input_and_its_branches_in_order(tiny_net: nn.Module) -> None:
    family = family_of(tiny_net)
    block = tiny_net.get_submodule("blocks.1")
    x = torch.randn(2, 17, 32)
    u = by_the_book(block, x, family.branches["attention"].modules)
    assert torch.equal(block(x), by_the_book(block, u, family.branches["mlp"].modules))


def test_a_block_with_layer_scale_and_stochastic_depth_is_too() -> None:
    options: Options = {**TINY, "init_values": 0.1, "drop_path_rate": 0.3}
    net = create("deit_tiny_patch16_224", options, {})
    block, branches = net.get_submodule("blocks.2"), family_of(net).branches
    x = torch.randn(2, 17, 32)
    u = by_the_book(block, x, branches["attention"].modules)
    assert torch.equal(block(x), by_the_book(block, u, branches["mlp"].modules))


def test_the_branches_own_every_child_of_a_block(tiny_net: nn.Module) -> None:
    owned = [name for branch in family_of(tiny_net).branches.values() for name in branch.modules]
    assert owned == [name for name, _ in tiny_net.get_submodule("blocks.0").named_children()]


def test_sublayers_come_in_order_of_execution(tiny_net: nn.Module) -> None:
    names = [s.name for s in family_of(tiny_net).sublayers(tiny_net)]
    assert names == [f"blocks.{depth}.{core}" for depth in range(3) for core in ("attn", "mlp")]


@pytest.mark.parametrize(
    "architecture", ["deit_tiny_patch16_224", "deit_tiny_distilled_patch16_224", "deit3_small_patch16_224"]
)
def test_relatives_of_deit_are_of_the_family(architecture: str) -> None:
    assert family_of(built(architecture)).name == "vision_transformer"


def test_a_network_of_another_class_is_refused_by_name() -> None:
    with pytest.raises(UnknownNameError, match=r"class timm\.models\.resnet\.ResNet .*known families: .*vision_transf"):
        family_of(built("resnet18"))


@pytest.mark.parametrize(
    ("architecture", "block"),
    [("vit_base_patch16_18x2_224", "ParallelThingsBlock"), ("vit_base_patch16_rpn_224", "ResPostBlock")],
)
def test_blocks_of_another_class_are_refused_by_name(architecture: str, block: str) -> None:
    with pytest.raises(
        UnknownNameError, match=rf"has blocks of class timm\.models\.vision_transformer\.{block}; family"
    ):
        family_of(built(architecture, depth=2))


def test_a_single_foreign_block_is_enough_to_refuse(tiny_net: nn.Module) -> None:
    tiny_net.get_submodule("blocks").register_module("1", nn.Identity())
    with pytest.raises(UnknownNameError, match=r"blocks of class torch\.nn\.modules\.linear\.Identity; family"):
        family_of(tiny_net)


def test_sublayers_are_found_by_name_in_order(tiny_net: nn.Module) -> None:
    found = sublayers_named(tiny_net, ["blocks.2.mlp", "blocks.0.attn"])
    assert [s.name for s in found] == ["blocks.0.attn", "blocks.2.mlp"]


def test_every_unknown_sublayer_is_named(tiny_net: nn.Module) -> None:
    with pytest.raises(UnknownNameError) as caught:
        sublayers_named(tiny_net, ["blocks.0.atn", "blocks.9.mlp"])
    assert len(caught.value.problems) == 2
    assert "did you mean 'blocks.0.attn'?" in str(caught.value)


def test_families_have_names_of_their_own() -> None:
    names = [family.name for family in families()]
    assert len(set(names)) == len(names)
