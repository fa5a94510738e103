"""How far a network's confidence is from its accuracy: the expected calibration error, with the bins behind it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.collectors.base import SPLITS, OutcomeCollector, collectors
from harness.collectors.outputs import check_outputs
from harness.collectors.reliability import Bits, Floats, Reliability, if_calibrated
from harness.records import Asked, Measurement, Outcome
from harness.schema import Json, Options
from harness.tasks.base import Batch, Task
from harness.tasks.classification import Classification

if TYPE_CHECKING:
    from torch import Tensor


@collectors.register("calibration_error")
class CalibrationError(OutcomeCollector):
    """Mean gap between confidence and accuracy over bins of equal width, each weighted by its items.

    ECE = sum_m |B_m| / n * |acc(B_m) - conf(B_m)| with B_m the items whose largest softmax output lies in
    ((m - 1) / M, m / M]: Guo et al. 2017 (arXiv 1706.04599), equation 3. Softmax in double precision, temperature 1.
    `details` hold the bins, the largest gap of any (MCE, equation 5), what a calibrated network as sure as this would
    be given on as many items (the error is never 0), mean confidence and accuracy, the mean negative log-likelihood in
    nats and Brier's score (squared distance of all outputs from the label, 0 to 2).
    """

    tasks: ClassVar[tuple[str, ...]] = (Classification.name,)

    bins: int = Field(15, ge=1, le=1000, description="bins of equal width between 0 and 1")

    def asked(self) -> tuple[Asked, ...]:
        return tuple(Asked(metric="ece", split=split, at=self._at()) for split in SPLITS)

    def tally(self, split: str, task: Task, order: str) -> CalibrationTally:
        return CalibrationTally(split, self.bins, self._at())

    def _at(self) -> Options:
        return {key: value for key, value in self.identity().items() if key != "name"}


class CalibrationTally:
    """Confidence, verdict and scores of every item, in item order: sums are taken once, so batches do not matter."""

    def __init__(self, split: str, bins: int, at: Options) -> None:
        self._split = split
        self._bins = bins
        self._at = at
        self._confidence: list[Floats] = []
        self._right: list[Bits] = []
        self._scores: list[Floats] = []
        self._classes = 0
        self._one_label = True

    def update(self, outputs: Tensor, batch: Batch) -> None:
        """Outputs (n, classes) of one batch; raises ArithmeticError on NaN and DataError on a label without output."""
        check_outputs(outputs, batch, self._split)
        logits: Floats = outputs.detach().double().cpu().numpy()
        self._classes = logits.shape[1]
        shifted = below_largest(logits)
        total = np.exp(shifted).sum(axis=1)
        first, labels = logits.argmax(axis=1), batch.targets.cpu().numpy()
        confidence, right = 1 / total, first == labels
        if batch.accepted is None:
            self._scores.append(_scores(shifted, total, labels))
        else:
            self._one_label = False
            accepted: Bits = batch.accepted.cpu().numpy().astype(bool)
            held = accepted.any(axis=1)
            confidence, right = confidence[held], accepted[np.arange(len(first)), first][held]
        self._confidence.append(confidence)
        self._right.append(right)

    def finish(self) -> tuple[tuple[Measurement, ...], tuple[Outcome, ...]]:
        """The error of the split; no per-item outcomes."""
        confidence = np.concatenate(self._confidence) if self._confidence else np.empty(0)
        if not len(confidence):
            return (self._answer(None, "the split has no items"),), ()
        if self._classes == 1:
            return (self._answer(None, "the data has only 1 class, so every answer is sure and right"),), ()
        right = np.concatenate(self._right)
        found = Reliability.of(confidence, right, self._bins)
        details = found.details() | if_calibrated(confidence, self._bins) | self._details(confidence, right)
        return (self._answer(found.expected(), None, details),), ()

    def _details(self, confidence: Floats, right: Bits) -> dict[str, Json]:
        plain: dict[str, Json] = {"mean_confidence": _mean(confidence), "accuracy": int(right.sum()) / len(right)}
        if not self._one_label:
            return plain | {"nll": None, "brier": None, "scores_reason": "items have several right answers"}
        likelihood, brier = np.concatenate(self._scores, axis=1)
        if not np.isfinite(likelihood).all():
            return plain | {"nll": None, "brier": _mean(brier), "scores_reason": "a label has the probability 0"}
        return plain | {"nll": _mean(likelihood), "brier": _mean(brier)}

    def _answer(self, value: float | None, reason: str | None, details: dict[str, Json] | None = None) -> Measurement:
        return Measurement(
            metric="ece",
            unit="1",
            better="lower",
            kind="exact",
            split=self._split,
            at=self._at,
            value=value,
            reason=reason,
            details=details or {},
        )


def below_largest(logits: Floats) -> Floats:
    """Each of (n, classes) minus the largest of its row; infinite ones as the limit of large ones, so never NaN."""
    largest = logits.max(axis=1, keepdims=True)
    found: Floats = np.subtract(logits, largest, out=np.zeros_like(logits), where=logits != largest)
    return found


def _scores(shifted: Floats, total: Floats, labels: NDArray[np.int64]) -> Floats:
    """Negative log-likelihood and squared distance from the label, each (n,)."""
    rows = np.arange(len(labels))
    distance = np.exp(shifted) / total[:, None]
    distance[rows, labels] -= 1
    return np.stack([np.log(total) - shifted[rows, labels], np.square(distance).sum(axis=1)])


def _mean(values: Floats) -> float:
    return math.fsum(values) / len(values)
