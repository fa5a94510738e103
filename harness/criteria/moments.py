"""Entropy of channels taken as Gaussian, from moments that are merged batch by batch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor

Base: TypeAlias = Literal["e", 2]
Deviation: TypeAlias = Literal["population", "unbiased"]


class Moments:
    """Mean and sum of squared deviations by channel, merged batch by batch (Chan, Golub and LeVeque, 1979)."""

    def __init__(self) -> None:
        self.samples = 0
        self._mean: Tensor | float = 0.0
        self._squares: Tensor | float = 0.0

    def add(self, feature: Tensor) -> None:
        """Samples of one batch, (samples, channels); moments are kept in float64."""
        if len(feature) == 0:
            return
        values = feature.double()
        samples, mean = values.shape[0], values.mean(0)
        gap, total = mean - self._mean, self.samples + samples
        within, between = (values - mean).square().sum(0), gap.square() * (self.samples * samples / total)
        self._squares = self._squares + within + between
        self._mean = self._mean + gap * (samples / total)
        self.samples = total

    def sigma(self, deviation: Deviation = "population") -> Tensor:
        """Standard deviation by channel: the squares are divided by the samples, or by one less (unbiased)."""
        import torch

        fewer = 1 if deviation == "unbiased" else 0
        if self.samples <= fewer:
            raise ArithmeticError(f"{self.samples} samples have no {deviation} standard deviation")
        return torch.as_tensor(self._squares / (self.samples - fewer)).sqrt()


@dataclass(frozen=True)
class Gaussian:
    """H = sum over channels of log sigma: the entropy without its constant; each sigma counts as at least `guard`."""

    guard: float
    base: Base = "e"
    deviation: Deviation = "population"

    def sigma(self, moments: Moments) -> Tensor:
        """Standard deviation by channel; raises ArithmeticError where one is not finite."""
        import torch

        sigma = moments.sigma(self.deviation)
        if not bool(torch.isfinite(sigma).all()):
            raise ArithmeticError("entropy: the feature is not finite")
        return sigma

    def entropy(self, moments: Moments, alive: Tensor | None = None) -> float:
        """In nats, or in bits for base 2; over the channels `alive` only, where they are given."""
        sigma = self.sigma(moments)
        kept = sigma if alive is None else sigma[alive]
        found = float(kept.clamp(min=self.guard).log().sum())
        return found / math.log(2) if self.base == 2 else found
