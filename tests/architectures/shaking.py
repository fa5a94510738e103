"""Modules with weights and statistics away from the neutral start that would hide what they do."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn

M = TypeVar("M", bound=nn.Module)


def shaken(module: M, seed: int = 0) -> M:
    """The module itself in eval mode, every number of it moved by a seeded one."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in (*module.named_parameters(), *module.named_buffers()):
            if tensor.is_floating_point():
                drawn = 0.3 * torch.randn(tensor.shape, generator=generator)
                tensor.copy_(1 + drawn.abs() if name.endswith("running_var") else tensor + drawn)
    return module.eval()
