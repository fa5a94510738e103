"""The sizes that the paper of lambda-ViT gives, all nine rows: parameters exactly, MACs to the last printed digit."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from harness.counting import count_macs
from harness.families.catalogue import sublayers_named
from harness.inventory import Inventory, take_inventory
from harness.models import create
from harness.surgery import remove

BASE, SMALL, TINY = (f"deit_{size}_patch16_224" for size in ("base", "small", "tiny"))
# Architecture, blocks whose attention goes, parameters and their change in percent, GMACs and theirs.
ROWS = [
    (BASE, (), 86_567_656, 0.0, 17.564, 0.0),
    (BASE, (0, 1, 3, 4, 6), 74_748_136, -13.65, 14.942, -14.93),
    (BASE, (0, 1, 3, 4, 6, 9), 72_384_232, -16.38, 14.418, -17.91),
    (SMALL, (), 22_050_664, 0.0, 4.599, 0.0),
    (SMALL, (0, 2, 4), 20_274_280, -8.06, 4.161, -9.52),
    (SMALL, (0, 2, 4, 6), 19_682_152, -10.74, 4.015, -12.70),
    (TINY, (), 5_717_416, 0.0, 1.254, 0.0),
    (TINY, (0, 2, 4), 5_271_592, -7.80, 1.122, -10.52),
    (TINY, (0, 2, 4, 6), 5_122_984, -10.40, 1.078, -14.02),
]
every_row = pytest.mark.parametrize(("architecture", "depths", "params", "fewer", "gmacs", "less"), ROWS)


def size(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


@pytest.fixture(scope="module")
def inventories() -> dict[str, Inventory]:
    return {name: take_inventory(name, {}, {}) for name in (BASE, SMALL, TINY)}


@every_row
def test_a_removed_network_has_the_published_size(
    architecture: str, depths: tuple[int, ...], params: int, fewer: float, gmacs: float, less: float
) -> None:
    net = create(architecture, {}, {}, device="meta")
    candidate = remove(net, sublayers_named(net, [f"blocks.{depth}.attn" for depth in depths]), "identity")
    macs = count_macs(candidate, torch.empty(1, 3, 224, 224, device="meta")).total
    assert size(candidate) == params
    assert macs / 1e9 == pytest.approx(gmacs, abs=6e-4)  # DeiT-B without six is 14.41748: the table's last digit is off
    whole = count_macs(net, torch.empty(1, 3, 224, 224, device="meta")).total
    assert 100 * (size(candidate) / size(net) - 1) == pytest.approx(fewer, abs=6e-3)
    assert 100 * (macs / whole - 1) == pytest.approx(less, abs=1e-2)


def test_the_expected_sums_say_the_same_before_anything_is_removed(inventories: dict[str, Inventory]) -> None:
    for architecture, depths, params, _, gmacs, _ in ROWS:
        inventory = inventories[architecture]
        saved_params, saved_macs = inventory.saved(f"blocks.{depth}.attn" for depth in depths)
        assert inventory.params - saved_params == params
        assert (inventory.macs - saved_macs) / 1e9 == pytest.approx(gmacs, abs=6e-4)


@pytest.mark.parametrize(("architecture", "width"), [(BASE, 768), (SMALL, 384), (TINY, 192)])
def test_each_attention_saves_what_the_formula_says(
    inventories: dict[str, Inventory], architecture: str, width: int
) -> None:
    tokens = 197
    for sublayer in inventories[architecture].sublayers:
        if sublayer.kind == "attention":
            assert sublayer.params == 4 * width**2 + 4 * width + 2 * width
            assert sublayer.macs == 4 * tokens * width**2 + 2 * tokens**2 * width
