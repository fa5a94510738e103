"""What the tests of criteria score: every unit of a network under real removal, and a hand-written forward pass."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from harness.criteria.base import Scoring
from harness.families.base import Unit, units
from harness.families.catalogue import family_of
from harness.surgery import removed
from harness.tasks.base import Batch, Task
from harness.tasks.classification import Classification

Array = npt.NDArray[np.float64]
CLASSIFICATION = Classification()


def scoring_of(
    net: nn.Module, batches: Iterable[Batch], target: str = "attention", seed: int = 0, task: Task = CLASSIFICATION
) -> Scoring:
    """Everything a criterion may look at, removal by `skip`."""
    found = units(family_of(net).sublayers(net), target)
    return Scoring(
        net=net,
        task=task,
        units=found,
        batches=tuple(batches),
        without=lambda gone: removed(net, [s for unit in gone for s in unit.sublayers], "skip"),
        removal="skip",
        seed=seed,
    )


def split(batch: Batch, size: int) -> list[Batch]:
    """The same items in batches of `size`."""
    pairs = zip(torch.split(batch.inputs, size), torch.split(batch.targets, size), strict=True)
    return [Batch(inputs, targets) for inputs, targets in pairs]


def named(scoring: Scoring, *depths: int) -> tuple[Unit, ...]:
    """The units of these depths, in this order."""
    return tuple(scoring.units[depth] for depth in depths)


def streams(net: nn.Module, inputs: Tensor, without: Iterable[str] = ()) -> list[tuple[str, Tensor, Tensor]]:
    """`(sublayer, x, y)` of a DeiT in order of execution, by its defining equations; `without` are skipped."""
    found = []
    with torch.inference_mode():
        x = net._pos_embed(net.patch_embed(inputs))  # type: ignore[operator]  # timm's modules are untyped
        for index, block in enumerate(net.blocks.children()):  # type: ignore[union-attr]  # as above
            for name, norm, core in (("attn", block.norm1, block.attn), ("mlp", block.norm2, block.mlp)):
                path = f"blocks.{index}.{name}"
                y = x if path in without else x + core(norm(x))
                found.append((path, x, y))
                x = y
    return found


def without_class_token(**options: Any) -> nn.Module:
    """A small vision transformer whose head reads the mean of its tokens; eval mode, seeded."""
    import timm

    torch.manual_seed(0)
    shape: dict[str, Any] = {"img_size": 8, "patch_size": 2, "embed_dim": 32, "num_heads": 2, "depth": 3}
    shape |= {"num_classes": 10, "in_chans": 1, "class_token": False, "global_pool": "avg"}
    net: nn.Module = timm.create_model("deit_tiny_patch16_224", **shape | options)
    return net.eval()


def head_input(net: nn.Module, inputs: Tensor, without: Iterable[str] = ()) -> Array:
    """The class token after the last norm, (n, width)."""
    with torch.inference_mode():
        final = net.norm(streams(net, inputs, without)[-1][2])  # type: ignore[operator]  # timm's modules are untyped
    return np.asarray(final[:, 0].numpy(), dtype=np.float64)
