"""A wrapper that makes any network need real tensors, and an item for the small ones."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

X = torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(1))


class Reading(nn.Sequential):
    """Reads a value first, which the meta device cannot: so the count runs on real tensors."""

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, super().forward(x if x.sum().item() > -1e9 else -x))  # type: ignore[no-untyped-call]
