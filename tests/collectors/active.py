"""Small networks with ReLU, and what `activation_sparsity` says of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import timm
import torch
from conftest import TINY
from torch import nn

from harness.collectors.activation_sparsity import ActivationSparsity
from harness.records import Measurement
from harness.tasks.base import Batch, Task
from harness.tasks.classification import Classification
from harness.transforms.relu import ReluConversion


def small(name: str = "vit_tiny_patch16_224", *, seed: int = 0, **options: Any) -> nn.Module:
    """A ViT of three blocks, width 32, for 8x8 images of one channel; with ReLU unless `act_layer` says otherwise."""
    torch.manual_seed(seed)
    given = {**TINY, "act_layer": nn.ReLU, **options}
    net: nn.Module = timm.create_model(name, num_classes=10, in_chans=1, **given)
    return net.eval()


def converted(net: nn.Module) -> nn.Module:
    return ReluConversion().apply(net)


def images(items: int = 12, size: int = 8, seed: int = 1) -> Batch:
    inputs = torch.randn(items, 1, size, size, generator=torch.Generator().manual_seed(seed))
    return Batch(inputs, torch.zeros(items, dtype=torch.int64))


def measured(
    net: nn.Module, batches: Iterable[Batch], task: Task | None = None, **options: Any
) -> dict[str, Measurement]:
    """Measurements of a split by metric, as the shared pass makes them."""
    task = task or Classification()
    collector = ActivationSparsity(**options)
    tally, probe = collector.tally("test", task, "0" * 64), collector.probe(net, task)
    for batch in batches:
        with torch.inference_mode(), probe.watching(batch) as seen:
            task.forward(net, batch)
        tally.update(seen, batch)
    return {one.metric: one for one in tally.finish()[0]}
