"""What the tests of gradients compare with: each item's loss with a gate on one unit, by hand and in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from harness.tasks.base import Batch

Array = np.ndarray[Any, np.dtype[np.float64]]
STEP = 1e-5


def losses(net: nn.Module, batch: Batch, unit: str, gate: float, removal: str = "skip") -> Tensor:
    """The loss of every item where the unit has this gate, by the equations of a DeiT."""
    with torch.inference_mode():
        x = net._pos_embed(net.patch_embed(batch.inputs))  # type: ignore[operator]  # timm's modules are untyped
        for index, block in enumerate(net.blocks.children()):  # type: ignore[union-attr]  # as above
            entered = x
            for name, norm, core in (("attn", block.norm1, block.attn), ("mlp", block.norm2, block.mlp)):
                added = core(norm(x))
                is_here = unit == f"blocks.{index}.{name}"
                if is_here and removal == "identity":
                    x = (2 - gate) * x + gate * added
                else:
                    x = x + (gate if is_here else 1.0) * added
            x = entered + gate * (x - entered) if unit == f"blocks.{index}" else x
        outputs = net.forward_head(net.norm(x))  # type: ignore[operator]  # as above
        return cross_entropy(outputs, batch.targets, reduction="none")


def finite_differences(net: nn.Module, batch: Batch, unit: str, removal: str = "skip") -> Array:
    """dL_i/dg at 1 of every item by central differences; the network and the items are in float64."""
    higher, lower = (losses(net, batch, unit, 1 + step, removal) for step in (STEP, -STEP))
    return ((higher - lower) / (2 * STEP)).numpy()


def doubled(batch: Batch) -> Batch:
    """The same items in float64."""
    return Batch(batch.inputs.double(), batch.targets)


def left_alone(net: nn.Module, work: Callable[[], object]) -> bool:
    """Whether parameters ask for gradients as before, and hold none."""
    asked = [parameter.requires_grad for parameter in net.parameters()]
    work()
    after = [parameter.requires_grad for parameter in net.parameters()]
    return asked == after and all(parameter.grad is None for parameter in net.parameters())
