"""Weights moved to other places in memory: where they happen to lie makes one of two equal networks faster."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import nn

LINE = 64  # bytes of a cache line, to which torch aligns what it allocates
LINES = 128  # two pages


def move_weights(*nets: nn.Module, turn: int) -> None:
    """Puts parameters and buffers elsewhere, tensor by tensor, so that it takes no more memory than the largest.

    Values, shapes and layouts stay, and so does whatever holds the tensors (compiled code, other networks that share
    them). Between two tensors lies a gap of random length, drawn by `turn`, or each would take the place of the one
    before it.
    """
    import torch

    drawn = random.Random(turn)
    gaps: list[torch.Tensor] = []  # held until all are moved
    with torch.inference_mode(mode=False), torch.no_grad():
        for net in nets:
            for tensor in (*net.parameters(), *net.buffers()):
                if tensor.layout is torch.strided:
                    gaps.append(torch.empty(drawn.randint(1, LINES) * LINE, dtype=torch.uint8))
                    tensor.data = tensor.data.clone()
