"""What tests of recoveries build on: a removal from the tiny network, ready to be recovered from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import timm
import torch
from conftest import TINY
from torch import Tensor, nn

from harness.datasets.base import Data, Part
from harness.families.catalogue import family_of
from harness.records import PartInfo
from harness.recoveries.base import Recovering
from harness.surgery import remove
from harness.tasks.base import Batch, Description
from harness.tasks.classification import Classification

GONE = ("blocks.0.attn", "blocks.2.attn")


class Few(Part):
    """Seeded items that a network can tell apart, in the order that is asked for."""

    def __init__(self, items: int, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.info = PartInfo(items=items, sha256=f"{seed:064x}", transform="none")
        self.targets = torch.arange(items) % 10
        self.inputs = torch.randn(items, 1, 8, 8, generator=generator) + 0.3 * self.targets.reshape(-1, 1, 1, 1)

    def batches(self, size: int, shuffle: int | None = None) -> Iterator[Batch]:
        order = torch.arange(len(self))
        if shuffle is not None:
            order = torch.randperm(len(self), generator=torch.Generator().manual_seed(shuffle))
        return (Batch(self.inputs[chosen], self.targets[chosen]) for chosen in torch.split(order, size))


def fresh(seed: int, drop_path: float = 0.0) -> nn.Module:
    """The tiny network with weights of a seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net: nn.Module = timm.create_model(
            "deit_tiny_patch16_224", num_classes=10, in_chans=1, drop_path_rate=drop_path, **TINY
        )
    return net.eval()


def recovering_from(
    gone: tuple[str, ...] = GONE, removal: str = "skip", checkpoints: Path | None = None, drop_path: float = 0.0
) -> Recovering:
    """A removal of `gone` from the tiny network of seed 0."""
    whole = fresh(0, drop_path)
    sublayers = tuple(sublayer for sublayer in family_of(whole).sublayers(whole) if sublayer.name in gone)
    data = Data(Description("classification", 10, 1), {"train": Few(40, 1), "validation": Few(20, 2)})
    return Recovering(
        net=remove(whole, sublayers, removal),
        whole=whole,
        sublayers=sublayers,
        removal=removal,
        anew=lambda seed: remove(fresh(seed, drop_path), sublayers, removal),
        task=Classification(),
        data=data,
        device="cpu",
        seed=3,
        progress=lambda _: None,
        checkpoints=checkpoints,
    )


def weights(net: nn.Module) -> dict[str, Tensor]:
    """A copy of the state."""
    return {key: value.clone() for key, value in net.state_dict().items()}


def are_equal(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    """To the bit, names included."""
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)
