"""What tests of training build on: seeded items, a network of two blocks, and that network after training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from harness.datasets.arrays import batch_indices
from harness.datasets.base import Part
from harness.recipes import TrainOptions
from harness.records import PartInfo
from harness.tasks.base import Batch
from harness.tasks.classification import Classification
from harness.training.loop import PLAIN, Course, train

OPTIONS = TrainOptions(epochs=2, batch=16)


class Items(Part):
    """Seeded items in two kinds that a network can tell apart; remembers the order it was asked for."""

    def __init__(self, items: int = 40) -> None:
        generator = torch.Generator().manual_seed(5)
        self.info = PartInfo(items=items, sha256="0" * 64, transform="none")
        self.targets = torch.arange(items) % 2
        self.inputs = torch.randn(items, 1, 8, 8, generator=generator) + self.targets.reshape(-1, 1, 1, 1)
        self.shuffles: list[int | None] = []

    def batches(self, size: int, shuffle: int | None = None) -> Iterator[Batch]:
        self.shuffles.append(shuffle)
        return (Batch(self.inputs[at], self.targets[at]) for at in batch_indices(len(self), size, shuffle))


def net_of(seed: int = 0, **options: Any) -> nn.Module:
    """Two blocks, width 16."""
    import timm

    torch.manual_seed(seed)
    sizes: dict[str, Any] = {"img_size": 8, "patch_size": 4, "embed_dim": 16, "num_heads": 2, "depth": 2}
    net: nn.Module = timm.create_model("deit_tiny_patch16_224", num_classes=10, in_chans=1, **sizes, **options)
    return net.eval()


def weights(net: nn.Module) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in net.state_dict().items()}


def trained(
    options: TrainOptions = OPTIONS,
    seed: int = 0,
    items: int = 40,
    chance: int = 0,
    course: Course = PLAIN,
    **network: Any,
) -> dict[str, Tensor]:
    """The same network after training; `chance` is the caller's random state."""
    net = net_of(**network)
    torch.manual_seed(chance)
    train(net, Classification(), Items(items), options, "cpu", seed, lambda _: None, course)
    return weights(net)


def are_equal(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return all(torch.equal(first[key], second[key]) for key in first)
