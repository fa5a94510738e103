"""An exponential moving average of a network's weights over the steps of its training."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class Average:
    """a <- decay a + (1 - decay) w after every step, beginning at the weights before the first.

    Parameters are averaged; buffers stay those of the last step. After n steps the weights before the first still
    have the share decay^n, so a short training needs a small decay: 0.99996 forgets them after some 100,000 steps.
    """

    def __init__(self, net: nn.Module, decay: float) -> None:
        self.decay = decay
        self.trained = {name: p for name, p in net.named_parameters() if p.requires_grad}
        self.tensors: dict[str, Tensor] = {name: p.detach().clone() for name, p in self.trained.items()}

    @torch.no_grad()
    def update(self) -> None:
        """After a step of the optimiser."""
        torch._foreach_lerp_(list(self.tensors.values()), list(self.trained.values()), 1 - self.decay)

    @torch.no_grad()
    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Goes on from an average that was kept."""
        for name, tensor in self.tensors.items():
            tensor.copy_(tensors[name])

    @torch.no_grad()
    def put(self) -> None:
        """Makes the average the network's weights."""
        for name, parameter in self.trained.items():
            parameter.copy_(self.tensors[name])
