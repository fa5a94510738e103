"""Mixing of positions by learned matrices: the spatial gating unit, alone and as an expert of some of the channels."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from harness.architectures.experts import routed

Routing: TypeAlias = Literal["deterministic", "partial", "leaky"]
ROUTINGS: tuple[Routing, ...] = ("deterministic", "partial", "leaky")


class Positions(nn.Module):
    """W v + b over positions (arXiv 2105.08050, equation 3): W (n, n) starts at zero and b (n,) at one.

    W is lower triangular, so that position i reads positions <= i; of shorter texts the first rows and columns serve.
    """

    def __init__(self, context: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(context, context))
        self.bias = nn.Parameter(torch.ones(context))

    def forward(self, v: Tensor) -> Tensor:
        """v (items, length, channels), length at most the context."""
        length = v.shape[1]
        return torch.matmul(self.weight[:length, :length].tril(), v) + self.bias[:length, None]


class SpatialGate(nn.Module):
    """s = Z1 * (W LN(Z2) + b), the spatial gating unit of gMLP (arXiv 2105.08050, section 2.2); it starts as s = Z1."""

    def __init__(self, context: int, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.positions = Positions(context)

    def forward(self, z1: Tensor, z2: Tensor) -> Tensor:
        """Both (items, length, channels)."""
        s: Tensor = z1 * self.positions(self.norm(z2))
        return s


class SpatialMixture(nn.Module):
    """sMoE: E spatial gates, each for one of E chunks of the d channels, SGU_j(z) = z * (W_j LN(z) + b_j).

    The published text (arXiv 2203.06850) was not to be had: equations and gate are a reading of what others say of it.
    LN is over all channels before they are cut, so that experts of equal weights are one spatial gate. How chunk j
    finds its expert is the `routing`:

    - `deterministic`: chunk j goes to expert j; nothing is learnt, and nothing can leak.
    - `partial`: e(j) = argmax_e g_e(q, j) of each item, where q is the mean over its first `prefix` positions and g a
      linear map without bias; the output is weighted by the softmax probability of e(j). What follows the prefix is
      not seen; only predictions from the prefix on may be scored.
    - `leaky`: q is the mean over all positions, future ones too. It is wrong by intention: a control that a test of
      causality must find out.
    """

    def __init__(self, context: int, channels: int, experts: int, routing: Routing, prefix: int | None) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.experts = nn.ModuleList(Positions(context) for _ in range(experts))
        self.prefix = prefix if routing == "partial" else None
        self.gate = None if routing == "deterministic" else nn.Linear(channels, experts * experts, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """x (items, length, d) to the same shape."""
        experts = len(self.experts)
        mixed = self._chosen(x) if self.gate is not None and experts > 1 else self._own(x)
        return x * mixed

    def _own(self, x: Tensor) -> Tensor:
        chunks = self.norm(x).chunk(len(self.experts), dim=-1)
        return torch.cat([expert(chunk) for expert, chunk in zip(self.experts, chunks, strict=True)], dim=-1)

    def _chosen(self, x: Tensor) -> Tensor:
        items, length, channels = x.shape
        experts = len(self.experts)
        chance, chosen = self.choice(x)
        chunks = self.norm(x).unflatten(-1, (experts, -1)).transpose(1, 2)  # (items, chunks, length, width)
        mixed = routed(chunks.flatten(0, 1), chosen.flatten(), self.experts).view_as(chunks)
        return (chance[..., None, None] * mixed).transpose(1, 2).reshape(items, length, channels)

    def choice(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Of every item and chunk the probability of its expert, and which that is; both (items, chunks)."""
        if self.gate is None:
            raise ValueError("deterministic routing has no gate")
        seen = x[:, : self.prefix].mean(dim=1)
        chances = self.gate(seen).unflatten(-1, (len(self.experts), -1)).softmax(dim=-1)
        best = chances.max(dim=-1)
        return best.values, best.indices
