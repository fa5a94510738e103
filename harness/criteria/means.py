"""Means over calibration items, gathered batch by batch in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.tasks.base import Batch

if TYPE_CHECKING:
    from torch import Tensor


class Mean:
    """A running mean in float64; the sum stays on the device."""

    def __init__(self) -> None:
        self._total: Tensor | float = 0.0
        self._count = 0

    def add(self, values: Tensor) -> None:
        """Values of any shape, each counted once."""
        self._total = self._total + values.double().sum()
        self._count += values.numel()

    def value(self) -> float:
        """NaN where nothing was added: nothing seen has no mean, and the search says which unit that was."""
        return float(self._total) / self._count if self._count else float("nan")


class MeanOf:
    """The tally of a mean: `measure(read, batch, index)` gives one number for each item of a batch.

    Or one for each token of each item, (n, tokens), of which padding is left out; or one for each prediction.
    """

    def __init__(self, measure: Callable[[Tensor, Batch, int], Tensor]) -> None:
        self._measure = measure
        self._mean = Mean()

    def update(self, read: Tensor, batch: Batch, index: int) -> None:
        values = self._measure(read, batch, index)
        is_by_token = batch.mask is not None and values.shape == batch.mask.shape
        self._mean.add(values[batch.mask] if is_by_token else values)

    def score(self) -> float:
        return self._mean.value()
