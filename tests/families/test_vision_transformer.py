"""The layout that the family claims is the layout that timm's block computes."""

from __future__ import annotations

import pytest
import torch
from conftest import TINY
from torch import Tensor, nn

from harness.errors import UnknownNameError
from harness.families.base import Sublayer, Unit, units
from harness.families.catalogue import families, family_of, sublayers_named
from harness.models import create
from harness.schema import Json, Options


def built(architecture: str, **options: Json) -> nn.Module:
    return create(architecture, options, {}, device="meta")


def by_the_book(block: nn.Module, x: Tensor, sublayer: Sublayer) -> Tensor:
    u = x
    for name in sublayer.modules:
        u = block.get_submodule(name)(u)
    return x + u


def assert_sum_of_branches(net: nn.Module) -> None:
    attention, mlp = (s for s in family_of(net).sublayers(net) if s.block == "blocks.1")
    block, x = net.get_submodule("blocks.1"), torch.randn(2, 17, 32)
    assert torch.equal(block(x), by_the_book(block, by_the_book(block, x, attention), mlp))


def test_a_block_is_the_sum_of_its_input_and_its_branches_in_order(tiny_net: nn.Module) -> None:
    assert_sum_of_branches(tiny_net)


def test_a_block_with_layer_scale_and_stochastic_depth_is_too() -> None:
    options: Options = {**TINY, "init_values": 0.1, "drop_path_rate": 0.3}
    assert_sum_of_branches(create("deit_tiny_patch16_224", options, {}))


def test_a_block_that_norms_last_is_too() -> None:
    assert_sum_of_branches(create("vit_base_patch16_rpn_224", {**TINY, "class_token": True}, {}))


def test_the_branches_own_every_child_of_a_block(tiny_net: nn.Module) -> None:
    owned = [name for s in family_of(tiny_net).sublayers(tiny_net)[:2] for name in s.modules]
    assert owned == [name for name, _ in tiny_net.get_submodule("blocks.0").named_children()]


def test_sublayers_come_in_order_of_execution(tiny_net: nn.Module) -> None:
    names = [s.name for s in family_of(tiny_net).sublayers(tiny_net)]
    assert names == [f"blocks.{depth}.{core}" for depth in range(3) for core in ("attn", "mlp")]


def test_blocks_are_a_chain(tiny_net: nn.Module) -> None:
    assert family_of(tiny_net).chain(tiny_net) == ("blocks.0", "blocks.1", "blocks.2")
    assert family_of(tiny_net).refused(tiny_net) == {}


@pytest.mark.parametrize(
    "architecture",
    [
        "deit_tiny_patch16_224",
        "deit_tiny_distilled_patch16_224",
        "deit3_small_patch16_224",
        "vit_base_patch16_18x2_224",
        "vit_base_patch16_rpn_224",
    ],
)
def test_relatives_of_deit_are_of_the_family(architecture: str) -> None:
    assert family_of(built(architecture, depth=1)).name == "vision_transformer"


def test_parallel_attentions_are_sublayers_of_their_own() -> None:
    net = built("vit_base_patch16_18x2_224", depth=2)
    names = [s.name for s in family_of(net).sublayers(net) if s.depth == 1]
    assert names == ["blocks.1.attns.0", "blocks.1.attns.1", "blocks.1.ffns.0", "blocks.1.ffns.1"]


def test_attention_and_mlp_of_one_projection_go_together() -> None:
    net = built("vit_base_patch16_xp_224", depth=2)
    sublayers = family_of(net).sublayers(net)
    assert [(s.name, s.kind) for s in sublayers] == [("blocks.0.fused", "fused"), ("blocks.1.fused", "fused")]
    assert units(sublayers, "attention") == units(sublayers, "mlp") == ()
    assert [unit.name for unit in units(sublayers, "block")] == ["blocks.0", "blocks.1"]


def test_joint_is_attention_and_mlp_in_one_list(tiny_net: nn.Module) -> None:
    sublayers = family_of(tiny_net).sublayers(tiny_net)
    assert units(sublayers, "joint") == tuple(Unit(s.name, s.kind, s.depth, (s,)) for s in sublayers)


def test_a_network_of_another_class_is_refused_by_name() -> None:
    with pytest.raises(UnknownNameError, match=r"class timm\.models\.resnet\.ResNet .*known families: .*vision_transf"):
        family_of(built("resnet18"))


def test_a_single_foreign_block_is_enough_to_refuse(tiny_net: nn.Module) -> None:
    tiny_net.get_submodule("blocks").register_module("1", nn.Identity())
    with pytest.raises(UnknownNameError, match=r"blocks of class torch\.nn\.modules\.linear\.Identity; family"):
        family_of(tiny_net)


def test_a_block_without_a_removable_whole_offers_its_sublayers_only() -> None:
    net = built("tnt_s_patch16_224", depth=1)
    sublayers = family_of(net).sublayers(net)
    assert [s.kind for s in sublayers] == ["inner_attention", "inner_mlp", "attention", "mlp"]
    assert units(sublayers, "block") == ()
    assert list(family_of(net).refused(net)) == ["blocks.0"]


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
