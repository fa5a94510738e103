"""What the loss of each unit alone does to the outcome: the oracle of single removals."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from harness.criteria.base import Items, Scoring, SetCriterion, Tally, criteria
from harness.criteria.calibration_accuracy import CalibrationAccuracy
from harness.criteria.calibration_loss import CalibrationLoss
from harness.criteria.labels import labels_of
from harness.tasks.base import Batch

if TYPE_CHECKING:
    from torch import Tensor


@criteria.register("leave_one_out")
class LeaveOneOut(SetCriterion):
    """The loss (or the share of errors) of the network without one unit: what every score of units tries to foresee.

    The oracle of single removals, before any recovery: the values of `calibration_loss` and `calibration_accuracy` at
    sets of one. As a selection of several it is one-shot, and so blind to how units make up for each other. Uses
    labels. One forward pass over the items for each unit.
    """

    searches: ClassVar[tuple[str, ...]] = ("one_shot",)
    uses_labels = True

    metric: Literal["loss", "accuracy"] = Field("loss", description="mean loss, or 1 - accuracy")
    items: Items = None

    def read(self, scoring: Scoring, batch: Batch) -> Tensor:
        return self._asked.read(scoring, batch)

    def tallies(self, scoring: Scoring, untouched: tuple[Tensor, ...]) -> Callable[[], Tally]:
        if scoring.task.needs_labels:
            labels_of(scoring.batches, f"criteria.{self.name}")
        return self._asked.tallies(scoring, untouched)

    def task_fault(self, task: str) -> str:
        return self._asked.task_fault(task)

    @property
    def _asked(self) -> SetCriterion:
        return CalibrationLoss() if self.metric == "loss" else CalibrationAccuracy()
