"""What is seen on the stream is what the network computes, and what is given back is what it goes on with."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from harness.families.base import Unit, units
from harness.families.catalogue import family_of, sublayers_named
from harness.models import create
from harness.schema import Options
from harness.streams import tapped
from harness.surgery import removed
from harness.tasks.base import Batch


def all_units(net: nn.Module) -> tuple[Unit, ...]:
    return tuple(Unit(s.name, s.kind, s.depth, (s,)) for s in family_of(net).sublayers(net))


def outputs(net: nn.Module, inputs: Tensor) -> Tensor:
    with torch.no_grad():
        found: Tensor = net(inputs)
    return found


def seen_in(net: nn.Module, chosen: tuple[Unit, ...], inputs: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    found: dict[str, tuple[Tensor, Tensor]] = {}
    with tapped(net, chosen, lambda unit, x, added: found.update({unit.name: (x, added)})):
        outputs(net, inputs)
    return found


def test_each_unit_enters_where_the_last_one_left(tiny_net: nn.Module, batch: Batch) -> None:
    found = list(seen_in(tiny_net, all_units(tiny_net), batch.inputs).values())
    for (x, added), (entered, _) in pairwise(found):
        assert torch.equal(x + added, entered)


def test_the_last_stream_is_what_the_head_reads(tiny_net: nn.Module, batch: Batch) -> None:
    x, added = list(seen_in(tiny_net, all_units(tiny_net), batch.inputs).values())[-1]
    with torch.no_grad():
        read = tiny_net.get_submodule("head")(tiny_net.get_submodule("norm")(x + added)[:, 0])
    torch.testing.assert_close(read, outputs(tiny_net, batch.inputs))


def test_a_block_adds_its_output_minus_its_input(tiny_net: nn.Module, batch: Batch) -> None:
    blocks = units(family_of(tiny_net).sublayers(tiny_net), "block")
    x, added = seen_in(tiny_net, blocks, batch.inputs)["blocks.1"]
    with torch.no_grad():
        assert torch.equal(added, tiny_net.get_submodule("blocks.1")(x) - x)


def test_what_is_given_back_is_added_instead(tiny_net: nn.Module, batch: Batch) -> None:
    chosen = all_units(tiny_net)[2:3]
    with tapped(tiny_net, chosen, lambda _, __, added: 0.5 * added):
        halved = outputs(tiny_net, batch.inputs)
    with torch.no_grad():
        for parameter in tiny_net.get_submodule("blocks.1.attn.proj").parameters():
            parameter.mul_(0.5)
    torch.testing.assert_close(halved, outputs(tiny_net, batch.inputs))


def test_what_is_seen_without_other_sublayers_is_what_a_smaller_network_computes(
    tiny_net: nn.Module, batch: Batch
) -> None:
    gone = sublayers_named(tiny_net, ["blocks.0.attn", "blocks.1.mlp"])
    left = tuple(unit for unit in all_units(tiny_net) if unit.sublayers[0] not in gone)
    with removed(tiny_net, gone, "skip"):
        found = list(seen_in(tiny_net, left, batch.inputs).values())
    for (x, added), (entered, _) in pairwise(found):
        assert torch.equal(x + added, entered)


@pytest.mark.parametrize("architecture", ["cait_xxs24_224", "mixer_s16_224", "convit_tiny"])
def test_branches_behind_one_drop_path_are_told_apart(architecture: str) -> None:
    net = create(architecture, {"img_size": 32}, {"num_classes": 3})
    found = seen_in(net, all_units(net)[:4], torch.randn(1, 3, 32, 32))
    (x, first), (u, second), (y, _), _ = found.values()
    assert torch.equal(x + first, u)
    assert torch.equal(u + second, y)


def test_a_branch_in_windows_is_seen_whole() -> None:
    """13 x 13 tokens in windows of 5: what juts out is cut off."""
    options: Options = {
        "img_size": 208,
        "patch_size": 16,
        "embed_dim": 16,
        "num_heads": 2,
        "depth": 2,
        "window_size": 5,
    }
    net = create("samvit_base_patch16", {**options, "global_attn_indexes": [], "neck_chans": 8}, {"num_classes": 3})
    found = seen_in(net, all_units(net)[:2], torch.randn(1, 3, 208, 208))
    (x, added), (u, _) = found.values()
    assert x.shape == added.shape == (1, 13, 13, 16)
    assert torch.equal((x + added).flatten(1, 2), u)
    inputs = torch.randn(2, 3, 208, 208)
    with tapped(net, all_units(net), lambda _, __, added: added.clone()):
        again = outputs(net, inputs)
    assert torch.equal(again, outputs(net, inputs))


def test_parallel_branches_read_the_same_stream() -> None:
    options: Options = {"img_size": 32, "patch_size": 8, "embed_dim": 32, "num_heads": 2, "depth": 1}
    net = create("vit_base_patch16_18x2_224", options, {"num_classes": 3})
    found = seen_in(net, all_units(net), torch.randn(2, 3, 32, 32))
    (x, first), (same, second), (u, _), _ = found.values()
    assert torch.equal(x, same)
    assert torch.equal(x + torch.stack([first, second]).sum(0), u)


def test_a_class_attention_adds_to_the_class_token_alone() -> None:
    net = create("cait_xxs24_224", {"img_size": 32, "depth": 1}, {"num_classes": 3})
    found = seen_in(net, all_units(net), torch.randn(2, 3, 32, 32))
    x, added = found["blocks_token_only.1.attn"]
    before, more = found["blocks_token_only.0.mlp"]
    assert x.shape == added.shape == (2, 1, 192)
    assert torch.equal(before + more, x)


def test_hooks_are_gone_afterwards(tiny_net: nn.Module, batch: Batch) -> None:
    with pytest.raises(KeyError), tapped(tiny_net, all_units(tiny_net), lambda *_: None):
        raise KeyError
    assert not [m for m in tiny_net.modules() if m._forward_hooks or m._forward_pre_hooks]
