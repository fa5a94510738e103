"""CycleFC and the token mixing of CycleMLP (arXiv 2107.10224): each channel is read at a neighbour of its own."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

REACH = 3  # positions that the channels of a CycleFC take turns to read


class CycleFC(nn.Module):
    """out(p) = b + sum over channels c of W_c x_c(p + off(c)), off(c) = (c + K // 2) mod K - K // 2; K = 3.

    The offsets run along one axis of the map, 1 for its height and 2 for its width; outside of it is zero. That is a
    1x1 deformable convolution with fixed offsets, as the weight's shape (out, channels, 1, 1) says.
    """

    def __init__(self, width: int, axis: int) -> None:
        super().__init__()
        self.axis = axis
        self.weight = nn.Parameter(torch.empty(width, width, 1, 1))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """Maps (n, H, W, channels) to the same shape."""
        return F.linear(self.turned(x), self.weight[:, :, 0, 0], self.bias)

    def turned(self, x: Tensor) -> Tensor:
        """x with each channel moved by its offset."""
        margin, size = REACH // 2, x.shape[self.axis]
        ends = (margin, margin)
        padded = F.pad(x, (0, 0, *ends) if self.axis == 2 else (0, 0, 0, 0, *ends))
        turns = (torch.arange(x.shape[-1], device=x.device) + margin) % REACH  # off(c) + K // 2
        turned = padded.narrow(self.axis, 0, size)
        for turn in range(1, REACH):
            turned = torch.where(turns == turn, padded.narrow(self.axis, turn, size), turned)
        return turned
