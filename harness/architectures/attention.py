"""Global multi-head self-attention: plain, with a bias for relative positions, or with what a subclass makes of it."""

from __future__ import annotations

import torch
from timm.layers.weight_init import trunc_normal_
from torch import Tensor, nn
from torch.nn import functional as F


class Attention(nn.Module):
    """softmax(QK^T / sqrt(d) + bias) V over all tokens, in heads of width d, then a projection; all with biases."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if heads < 1 or width % heads:
            raise ValueError(f"{heads} heads cannot share a width of {width}; num_heads must divide it")
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (n, tokens, width) to tokens of the same shape."""
        query, key, value = (self._in_heads(part) for part in self.projected(x))
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=self.bias())
        found: Tensor = self.proj(mixed.transpose(1, 2).flatten(2))
        return found

    def projected(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, each (n, tokens, width)."""
        query, key, value = self.qkv(x).chunk(3, dim=-1)
        return query, key, value

    def bias(self) -> Tensor | None:
        """What is added to the scores, (heads, tokens, tokens)."""
        return None

    def _in_heads(self, part: Tensor) -> Tensor:
        return part.reshape(*part.shape[:2], self.heads, -1).transpose(1, 2)


class RelativeAttention(Attention):
    """Attention whose scores have a learned bias for each head and for each offset between two tokens of a grid.

    The table has (2H - 1)(2W - 1) rows; pairs of tokens at the same offset share a row. Names are those of Swin.
    """

    def __init__(self, width: int, heads: int, grid: tuple[int, int]) -> None:
        super().__init__(width, heads)
        height, across = grid
        table = torch.empty((2 * height - 1) * (2 * across - 1), heads)
        self.relative_position_bias_table = nn.Parameter(trunc_normal_(table, std=0.02))
        row, column = torch.meshgrid(torch.arange(height), torch.arange(across), indexing="ij")
        down = row.reshape(-1, 1) - row.flatten() + height - 1
        right = column.reshape(-1, 1) - column.flatten() + across - 1
        self.relative_position_index: Tensor
        self.register_buffer("relative_position_index", down * (2 * across - 1) + right)

    def bias(self) -> Tensor:
        """(heads, H*W, H*W), looked up in the table."""
        return self.relative_position_bias_table[self.relative_position_index].permute(2, 0, 1)
