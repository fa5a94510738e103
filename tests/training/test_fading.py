"""Fading sublayers, against the facts of lambda-ViT (section 8 of its sheet) and the block written out."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from harness.families.base import Sublayer
from harness.families.catalogue import family_of
from harness.surgery import remove
from harness.tasks.base import Batch
from harness.training.fading import Fading, faded

REMOVALS = ["skip", "identity"]
GONE = ("blocks.0.attn", "blocks.2.attn")


def chosen(net: nn.Module, *names: str) -> tuple[Sublayer, ...]:
    return tuple(sublayer for sublayer in family_of(net).sublayers(net) if sublayer.name in names)


def outputs(net: nn.Module, inputs: Tensor, removal: str, factor: float, *names: str) -> Tensor:
    with Fading(net, chosen(net, *(names or GONE)), removal) as fading, torch.no_grad():
        fading.set(factor)
        found: Tensor = net(inputs)
    return found


@pytest.mark.parametrize("removal", REMOVALS)
def test_fact_1_at_1_the_network_is_unmodified_to_the_bit(tiny_net: nn.Module, batch: Batch, removal: str) -> None:
    with torch.no_grad():
        plain = tiny_net(batch.inputs)
    assert torch.equal(outputs(tiny_net, batch.inputs, removal, 1.0), plain)
    # The formula itself leaves the branch's output as it is, too.
    x, added = torch.randn(2, 5), torch.randn(2, 5)
    assert torch.equal(faded(x, added, 1.0, removal), added)


@pytest.mark.parametrize("removal", REMOVALS)
def test_fact_2_at_0_the_network_is_the_shrunk_one_to_the_bit(tiny_net: nn.Module, batch: Batch, removal: str) -> None:
    shrunk = remove(tiny_net, chosen(tiny_net, *GONE), removal)
    with torch.no_grad():
        assert torch.equal(outputs(tiny_net, batch.inputs, removal, 0.0), shrunk(batch.inputs))
    left = {name for name, _ in shrunk.named_parameters()}
    assert not any(name.startswith(("blocks.0.norm1", "blocks.0.attn", "blocks.2.attn")) for name in left)
    # The formula gives what the surgery gives.
    x, added = torch.randn(2, 5), torch.randn(2, 5)
    assert torch.equal(faded(x, added, 0.0, removal), x if removal == "identity" else torch.zeros_like(x))


def test_fact_3_at_0_identity_is_not_skipping(tiny_net: nn.Module, batch: Batch) -> None:
    identity, skip = (outputs(tiny_net, batch.inputs, removal, 0.0) for removal in REMOVALS[::-1])
    assert float((identity - skip).abs().max()) > 0.01


@pytest.mark.parametrize("removal", REMOVALS)
@pytest.mark.parametrize("factor", [0.0, 0.5])
def test_fact_4_at_0_only_what_is_gone_has_no_gradient(
    tiny_net: nn.Module, batch: Batch, removal: str, factor: float
) -> None:
    with Fading(tiny_net, chosen(tiny_net, *GONE), removal) as fading:
        fading.set(factor)
        torch.autograd.backward(tiny_net(batch.inputs).square().sum())
    gradients = {name: 0.0 if p.grad is None else float(p.grad.abs().max()) for name, p in tiny_net.named_parameters()}
    gone = ("blocks.0.norm1.", "blocks.0.attn.", "blocks.2.norm1.", "blocks.2.attn.")
    silent = {name for name, size in gradients.items() if size == 0}
    assert silent == ({name for name in gradients if name.startswith(gone)} if factor == 0 else set())


@pytest.mark.parametrize("removal", REMOVALS)
def test_fact_5_blocks_outside_the_set_do_not_feel_the_factor(tiny_net: nn.Module, batch: Batch, removal: str) -> None:
    def after_two(factor: float) -> Tensor:
        kept: list[Tensor] = []
        hook = tiny_net.get_submodule("blocks.1").register_forward_hook(lambda _, __, output: kept.append(output))
        outputs(tiny_net, batch.inputs, removal, factor, "blocks.2.attn")
        hook.remove()
        return kept[0]

    assert torch.equal(after_two(1.0), after_two(0.3))
    assert torch.equal(after_two(1.0), after_two(0.0))


@pytest.mark.parametrize("removal", REMOVALS)
def test_between_the_ends_a_block_is_the_papers_formula(tiny_net: nn.Module, removal: str) -> None:
    block: Any = tiny_net.get_submodule("blocks.0")
    x, factor = torch.randn(2, 17, 32), 0.3
    seen: list[Tensor] = []
    hook = block.register_forward_hook(lambda _, __, output: seen.append(output))
    start = block.register_forward_pre_hook(lambda _, __: (x,))
    outputs(tiny_net, torch.zeros(2, 1, 8, 8), removal, factor, "blocks.0.attn")
    hook.remove()
    start.remove()
    with torch.no_grad():
        u = (2 - factor if removal == "identity" else 1) * x + factor * block.attn(block.norm1(x))
        torch.testing.assert_close(seen[0], u + block.mlp(block.norm2(u)))


class Tripled(nn.Module):
    """A drop path that shows."""

    def forward(self, x: Tensor) -> Tensor:
        return 3 * x


def test_drop_path_is_inside_the_factor(tiny_net: nn.Module) -> None:
    block: Any = tiny_net.get_submodule("blocks.0")
    block.drop_path1 = Tripled()
    x, factor = torch.randn(2, 17, 32), 0.3
    seen: list[Tensor] = []
    hook = block.register_forward_hook(lambda _, __, output: seen.append(output))
    start = block.register_forward_pre_hook(lambda _, __: (x,))
    outputs(tiny_net, torch.zeros(2, 1, 8, 8), "identity", factor, "blocks.0.attn")
    hook.remove()
    start.remove()
    with torch.no_grad():
        u = (2 - factor) * x + factor * 3 * block.attn(block.norm1(x))
        torch.testing.assert_close(seen[0], u + block.mlp(block.norm2(u)))


def test_a_whole_block_fades_as_one(tiny_net: nn.Module, batch: Batch) -> None:
    block, factor, x = tiny_net.get_submodule("blocks.1"), 0.25, torch.randn(2, 17, 32)
    seen: list[Tensor] = []
    with torch.no_grad():
        y = block(x)
    start = block.register_forward_pre_hook(lambda _, __: (x,))
    after = tiny_net.get_submodule("blocks.2").register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    outputs(tiny_net, torch.zeros(2, 1, 8, 8), "skip", factor, "blocks.1.attn", "blocks.1.mlp")
    start.remove()
    after.remove()
    torch.testing.assert_close(seen[0], x + factor * (y - x))


@pytest.mark.parametrize("removal", REMOVALS)
def test_the_network_ends_as_it_began_from_every_factor(tiny_net: nn.Module, batch: Batch, removal: str) -> None:
    with torch.no_grad():
        plain = tiny_net(batch.inputs)
    names = list(tiny_net.state_dict())
    for factors in ([0.5], [0.5, 0.25], [0.5, 0.0], [0.0, 0.5], [0.0, 0.0, 1.0], []):
        with Fading(tiny_net, chosen(tiny_net, *GONE), removal) as fading:
            for factor in factors:
                fading.set(factor)
        with torch.no_grad():
            assert torch.equal(tiny_net(batch.inputs), plain)
        assert list(tiny_net.state_dict()) == names


def test_the_factor_may_rise_again(tiny_net: nn.Module, batch: Batch) -> None:
    expected = outputs(tiny_net, batch.inputs, "identity", 0.5)
    with Fading(tiny_net, chosen(tiny_net, *GONE), "identity") as fading, torch.no_grad():
        for factor in (0.0, 1.0, 0.25, 0.5):
            fading.set(factor)
        assert torch.equal(tiny_net(batch.inputs), expected)
