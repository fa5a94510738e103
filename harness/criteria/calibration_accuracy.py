"""How often the network is still right without a set: its error on calibration items."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.criteria.base import Items, Scoring, SetCriterion, Tally, criteria
from harness.criteria.labels import labels_of
from harness.criteria.means import MeanOf
from harness.tasks.classification import Classification

if TYPE_CHECKING:
    from torch import Tensor


@criteria.register("calibration_accuracy")
class CalibrationAccuracy(SetCriterion):
    """Share of calibration items that are answered wrongly without the set: 1 - accuracy, so the most accurate wins.

    An answer is the largest output, the first of equal ones, as accuracy itself counts. What exhaustive search over it
    finds is the best set that can be had without looking at other data; few items make many ties, and a tie goes to the
    lowest depth. Uses labels. One forward pass over the items for each set.
    """

    uses_labels = True

    items: Items = None

    def tallies(self, scoring: Scoring, untouched: tuple[Tensor, ...]) -> Callable[[], Tally]:
        labels_of(scoring.batches, f"criteria.{self.name}")
        return lambda: MeanOf(lambda read, batch, _: wrong(read, batch.targets))

    def task_fault(self, task: str) -> str:
        return (
            "" if task == Classification.name else f"answers are of {Classification.name}; 'calibration_loss' would do"
        )


def wrong(outputs: Tensor, targets: Tensor) -> Tensor:
    """1 for each item whose answer is not its target, 0 for the others; NaN where the outputs hold NaN."""
    import torch

    own = outputs.gather(1, targets[:, None])
    comes_before = torch.arange(outputs.shape[1], device=outputs.device) < targets[:, None]
    beaten = (outputs > own) | ((outputs == own) & comes_before)
    found = beaten.any(dim=1).double()
    return found.masked_fill(outputs.isnan().any(dim=1), float("nan"))
