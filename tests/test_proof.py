"""A true removal is proved; each planted fault is found and named."""

from __future__ import annotations

import pytest
import torch
from conftest import TINY
from torch import nn

from harness.families.base import Sublayer
from harness.families.catalogue import sublayers_named
from harness.inventory import Inventory, take_inventory
from harness.proof import prove
from harness.surgery import remove
from harness.tasks.base import Batch


@pytest.fixture(scope="module")
def inventory() -> Inventory:
    return take_inventory("deit_tiny_patch16_224", dict(TINY), {"num_classes": 10, "in_chans": 1})


@pytest.fixture
def pair(tiny_net: nn.Module) -> tuple[Sublayer, ...]:
    return sublayers_named(tiny_net, ["blocks.0.attn", "blocks.2.attn"])


@pytest.mark.parametrize("removal", ["skip", "identity"])
def test_a_true_removal_is_proved(
    tiny_net: nn.Module, batch: Batch, pair: tuple[Sublayer, ...], inventory: Inventory, removal: str
) -> None:
    proof = prove(tiny_net, remove(tiny_net, pair, removal), pair, removal, batch.inputs, inventory)
    assert (proof.status, proof.reason, proof.max_abs_difference) == ("passed", None, 0.0)
    assert proof.params_found == proof.params_expected == inventory.params - 2 * (4 * 32**2 + 6 * 32)
    assert proof.macs_found == proof.macs_expected == inventory.macs - 2 * (4 * 17 * 32**2 + 2 * 17**2 * 32)


def test_removing_whole_blocks_is_proved(tiny_net: nn.Module, batch: Batch, inventory: Inventory) -> None:
    both = sublayers_named(tiny_net, ["blocks.1.attn", "blocks.1.mlp"])
    assert prove(tiny_net, remove(tiny_net, both, "skip"), both, "skip", batch.inputs, inventory).status == "passed"


def test_removing_nothing_is_proved(tiny_net: nn.Module, batch: Batch, inventory: Inventory) -> None:
    assert prove(tiny_net, remove(tiny_net, (), "skip"), (), "skip", batch.inputs, inventory).status == "passed"


def test_a_wrong_weight_is_found(
    tiny_net: nn.Module, batch: Batch, pair: tuple[Sublayer, ...], inventory: Inventory
) -> None:
    candidate = remove(tiny_net, pair, "skip")
    with torch.no_grad():
        candidate.get_submodule("blocks.1.attn.proj").get_parameter("weight")[3, 5] += 0.5
    proof = prove(tiny_net, candidate, pair, "skip", batch.inputs, inventory)
    assert proof.status == "failed"
    assert proof.reason is not None
    assert proof.reason.startswith("the outputs differ from the masked original's by up to ")


def test_a_sublayer_that_was_kept_is_found(
    tiny_net: nn.Module, batch: Batch, pair: tuple[Sublayer, ...], inventory: Inventory
) -> None:
    proof = prove(tiny_net, remove(tiny_net, pair[:1], "skip"), pair, "skip", batch.inputs, inventory)
    assert proof.status == "failed"
    assert proof.reason is not None
    assert proof.reason.count(";") == 2
    assert "parameters are left, expected" in proof.reason
    assert "MACs are left, expected" in proof.reason


def test_a_sublayer_that_is_only_masked_is_found(
    tiny_net: nn.Module, batch: Batch, pair: tuple[Sublayer, ...], inventory: Inventory
) -> None:
    candidate = remove(tiny_net, pair[:1], "skip")
    with torch.no_grad():
        for parameter in candidate.get_submodule("blocks.2.attn.proj").parameters():
            parameter.zero_()
    proof = prove(tiny_net, candidate, pair, "skip", batch.inputs, inventory)
    assert (proof.status, proof.max_abs_difference) == ("failed", 0.0)
    assert proof.params_found == (proof.params_expected or 0) + 4 * 32**2 + 6 * 32


def test_the_wrong_form_of_removal_is_found(
    tiny_net: nn.Module, batch: Batch, pair: tuple[Sublayer, ...], inventory: Inventory
) -> None:
    proof = prove(tiny_net, remove(tiny_net, pair, "skip"), pair, "identity", batch.inputs, inventory)
    assert (proof.status, proof.params_found) == ("failed", proof.params_expected)


def test_the_wrong_depth_is_found_though_the_sizes_agree(
    tiny_net: nn.Module, batch: Batch, pair: tuple[Sublayer, ...], inventory: Inventory
) -> None:
    other = sublayers_named(tiny_net, ["blocks.0.attn", "blocks.1.attn"])
    proof = prove(tiny_net, remove(tiny_net, other, "skip"), pair, "skip", batch.inputs, inventory)
    assert (proof.status, proof.macs_found) == ("failed", proof.macs_expected)


def test_outputs_that_are_no_numbers_are_a_failure(
    tiny_net: nn.Module, batch: Batch, pair: tuple[Sublayer, ...], inventory: Inventory
) -> None:
    with torch.no_grad():
        tiny_net.get_parameter("norm.bias")[0] = float("nan")
    proof = prove(tiny_net, remove(tiny_net, pair, "skip"), pair, "skip", batch.inputs, inventory)
    assert (proof.status, proof.max_abs_difference, proof.tolerance) == ("failed", None, None)
    assert proof.reason == "the outputs are not finite, or not of the shape of the masked original's"


def test_a_proof_changes_no_mode(
    tiny_net: nn.Module, batch: Batch, pair: tuple[Sublayer, ...], inventory: Inventory
) -> None:
    candidate = remove(tiny_net, pair, "skip").train()
    tiny_net.get_submodule("blocks.1").train()
    before = [module.training for module in (*tiny_net.modules(), *candidate.modules())]
    assert prove(tiny_net, candidate, pair, "skip", batch.inputs, inventory).status == "passed"
    assert [module.training for module in (*tiny_net.modules(), *candidate.modules())] == before
