"""The tensors that a training stands in: what has to be kept for it to go on to the same end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from harness.training.averaging import Average
from harness.training.circle import Circle


class TrainingState:
    """Weights and buffers of a network, what its optimiser remembers of each parameter, and the average if any.

    The network's tensors are those it has at the start, also while some of its modules are taken out.
    """

    def __init__(self, net: nn.Module, optimizer: torch.optim.Optimizer, average: Average | None) -> None:
        self.optimizer, self.average = optimizer, average
        self._net: dict[str, Tensor] = net.state_dict()
        self._device = next(iter(self._net.values())).device
        self._chance: dict[str, Tensor] = {}
        self.losses = torch.zeros(0, 2, dtype=torch.float64)

    def tensors(self, losses: Tensor | None = None, circle: Circle | None = None) -> dict[str, Tensor]:
        """All of them by name, not copied; in the middle of an epoch with its losses so far and the random state.

        Of several processes each draws anew for every step, so that there is no state to keep.
        """
        remembered: dict[int, dict[str, Tensor]] = self.optimizer.state_dict()["state"]
        return {
            **{f"net.{name}": tensor for name, tensor in self._net.items()},
            **{f"optimizer.{i}.{key}": tensor for i, own in remembered.items() for key, tensor in own.items()},
            **{f"average.{name}": tensor for name, tensor in (self.average.tensors if self.average else {}).items()},
            **({} if losses is None else {"losses": losses}),
            **(_chance(self._device) if circle is not None and circle.is_alone else {}),
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
        self.losses = tensors.get("losses", self.losses)
        self._chance = _under("chance.", tensors)

    def load_chance(self, circle: Circle) -> None:
        """Goes on drawing where the training was cut; from the epoch's seed where several processes trained then."""
        if circle.is_alone and "cpu" in self._chance:
            torch.set_rng_state(self._chance["cpu"])
        if circle.is_alone and "gpu" in self._chance and self._device.type == "cuda":
            torch.cuda.set_rng_state(self._chance["gpu"], self._device)


def _chance(device: torch.device) -> dict[str, Tensor]:
    on_gpu = {"chance.gpu": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {}
    return {"chance.cpu": torch.get_rng_state(), **on_gpu}


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
