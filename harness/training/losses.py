"""The losses of an epoch: kept on the device until looked at, and looked at before they could have done harm long."""

from __future__ import annotations

import math

import torch
from torch import Tensor

CHECK_EVERY = 100  # steps between looks at the loss: each look waits for the device
REMEDY = "a lower lr, a longer warmup or a smaller clip may help"


class Losses:
    """Mean losses of the steps since the last mean, with the number of their predictions."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.seen: list[tuple[float, int]] = []
        self.unseen: list[tuple[Tensor, int]] = []

    def add(self, loss: Tensor, scored: int, step: int) -> None:
        """Of one step; raises FloatingPointError when a look finds one that is not finite."""
        self.unseen.append((loss.detach(), scored))
        if len(self.unseen) == CHECK_EVERY:
            self._look(step)

    def mean(self, step: int) -> float:
        """Mean over the predictions since the last call."""
        self._look(step)
        mean = sum(loss * scored for loss, scored in self.seen) / sum(scored for _, scored in self.seen)
        self.seen.clear()
        return mean

    def tensor(self, step: int) -> Tensor:
        """Those since the last mean, (steps, 2) in float64: to be kept with a training that is cut in an epoch."""
        self._look(step)
        return torch.tensor(self.seen, dtype=torch.float64).reshape(-1, 2)

    def load(self, kept: Tensor) -> None:
        """Goes on from what `tensor` gave."""
        self.seen = [(loss, int(scored)) for loss, scored in kept.tolist()]

    def _look(self, step: int) -> None:
        if not self.unseen:
            return
        losses: list[float] = torch.stack([loss for loss, _ in self.unseen]).tolist()
        for before, loss in zip(reversed(range(len(losses))), losses, strict=True):
            if not math.isfinite(loss):
                place = f"step {step - before + 1} of {self.steps}"
                raise FloatingPointError(f"training: the loss is {loss} at {place}; {REMEDY}")
        self.seen += zip(losses, (scored for _, scored in self.unseen), strict=True)
        self.unseen.clear()
