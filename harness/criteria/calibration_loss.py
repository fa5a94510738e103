"""How well the network still does without a set: its loss on calibration items."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.criteria.base import Items, Scoring, SetCriterion, Tally, criteria
from harness.criteria.labels import labels_of
from harness.criteria.means import MeanOf
from harness.tasks.base import Batch

if TYPE_CHECKING:
    from torch import Tensor


@criteria.register("calibration_loss")
class CalibrationLoss(SetCriterion):
    """The task's loss on calibration items without the set: mean over items of L(outputs without S, label).

    What a selection is after, asked directly, before any recovery; the loss is the task's own, unsmoothed (cross
    entropy in nats), averaged in float64. Uses labels. One forward pass over the items for each set.
    """

    uses_labels = True

    items: Items = None

    def tallies(self, scoring: Scoring, untouched: tuple[Tensor, ...]) -> Callable[[], Tally]:
        labels_of(scoring.batches, f"criteria.{self.name}")

        def lost(read: Tensor, batch: Batch, _: int) -> Tensor:
            return scoring.task.loss(read, batch).double().expand(len(batch))

        return lambda: MeanOf(lost)
