"""The tensors that a training stands in: what has to be kept for it to go on to the same end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from harness.training.averaging import Average


class TrainingState:
    """Weights and buffers of a network, what its optimiser remembers of each parameter, and the average if any.

    The network's tensors are those it has at the start, also while some of its modules are taken out.
    """

    def __init__(self, net: nn.Module, optimizer: torch.optim.Optimizer, average: Average | None) -> None:
        self.optimizer, self.average = optimizer, average
        self._net: dict[str, Tensor] = net.state_dict()

    def tensors(self) -> dict[str, Tensor]:
        """All of them by name, not copied."""
        remembered: dict[int, dict[str, Tensor]] = self.optimizer.state_dict()["state"]
        return {
            **{f"net.{name}": tensor for name, tensor in self._net.items()},
            **{f"optimizer.{i}.{key}": tensor for i, own in remembered.items() for key, tensor in own.items()},
            **{f"average.{name}": tensor for name, tensor in (self.average.tensors if self.average else {}).items()},
        }

    @torch.no_grad()
    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Puts back what `tensors` gave."""
        for name, tensor in self._net.items():
            tensor.copy_(tensors[f"net.{name}"])
        remembered: dict[int, dict[str, Any]] = {}
        for name, tensor in _under("optimizer.", tensors).items():
            index, _, key = name.partition(".")
            remembered.setdefault(int(index), {})[key] = tensor
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": remembered})
        if self.average is not None:
            self.average.load(_under("average.", tensors))


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
