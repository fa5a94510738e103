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
    """The task's loss on calibration items without the set: mean over predictions of L(outputs without S, label).

    What a selection is after, asked directly, before any recovery; the loss is the task's own, unsmoothed (cross
    entropy in nats), averaged in float64: over items, of a text over its tokens. Uses labels, but of a text, which is
    its own. One forward pass over the items for each set.
    """

    uses_labels = True

    items: Items = None

    def read(self, scoring: Scoring, batch: Batch) -> Tensor:
        """What the loss goes by, (n, ...)."""
        return scoring.task.kept(scoring.task.forward(scoring.net, batch), batch)

    def tallies(self, scoring: Scoring, untouched: tuple[Tensor, ...]) -> Callable[[], Tally]:
        if scoring.task.needs_labels:
            labels_of(scoring.batches, f"criteria.{self.name}")

        def lost(read: Tensor, batch: Batch, _: int) -> Tensor:
            return scoring.task.loss_of(read, batch).double().expand(scoring.task.scored(batch))

        return lambda: MeanOf(lost)
