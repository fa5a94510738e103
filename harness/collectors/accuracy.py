"""Top-1 and top-5 accuracy, with the verdict on every item kept as a bit."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, ClassVar

from harness.collectors.base import SPLITS, OutcomeCollector, collectors
from harness.collectors.outputs import check_outputs
from harness.records import Asked, Measurement, Outcome
from harness.tasks.base import Batch, Task
from harness.tasks.classification import Classification

if TYPE_CHECKING:
    from torch import Tensor

TOPS = {"top1": 1, "top5": 5}


@collectors.register("accuracy")
class Accuracy(OutcomeCollector):
    """Share of items whose label is among the 1 or 5 largest outputs; equal outputs rank by class index.

    Of an item with several right answers the best placed one counts; an item without any is left out.
    """

    tasks: ClassVar[tuple[str, ...]] = (Classification.name,)

    def asked(self) -> tuple[Asked, ...]:
        return tuple(Asked(metric=metric, split=split) for split in SPLITS for metric in TOPS)

    def tally(self, split: str, task: Task, order: str) -> AccuracyTally:
        return AccuracyTally(split, task.item, order)


class AccuracyTally:
    """The rank of each item's label, or of the best of its labels, in item order."""

    def __init__(self, split: str, item: str, order: str) -> None:
        self._split = split
        self._item = item
        self._order = order
        self._ranks: list[Tensor] = []
        self._labelled: list[Tensor] = []  # of data with several right answers: which items have one
        self._classes = 0

    def update(self, outputs: Tensor, batch: Batch) -> None:
        """Outputs (n, classes) of one batch; raises ArithmeticError on NaN and DataError on a label without output."""
        check_outputs(outputs, batch, self._split)
        self._classes = int(outputs.shape[1])
        if batch.accepted is None:
            self._ranks.append(label_ranks(outputs, batch.targets).cpu())
        else:
            self._update_accepted(outputs, batch.accepted)

    def _update_accepted(self, outputs: Tensor, accepted: Tensor) -> None:
        labelled = accepted.any(dim=1)
        self._labelled.append(labelled.cpu())
        self._ranks.append(best_ranks(outputs[labelled], accepted[labelled]).cpu())

    def finish(self) -> tuple[tuple[Measurement, ...], tuple[Outcome, ...]]:
        """Both shares, and the bits behind them."""
        found = [self._answer(metric, top) for metric, top in TOPS.items()]
        return tuple(m for m, _ in found), tuple(o for _, o in found if o is not None)

    def _answer(self, metric: str, top: int) -> tuple[Measurement, Outcome | None]:
        reason = self._reason(top)
        if reason is not None:
            return self._share(metric, None, reason), None
        import numpy as np
        import torch

        hits = (torch.cat(self._ranks) < top).numpy()
        correct, items = int(hits.sum()), int(hits.size)
        measured = self._share(metric, correct / items, None).model_copy(
            update={"details": {"correct": correct, "items": items}}
        )
        bits = base64.b64encode(np.packbits(hits).tobytes()).decode()
        outcome = Outcome(
            split=self._split,
            metric=metric,
            item=self._item,
            items=items,
            encoding="bits",
            data=bits,
            order=self._order_of_labelled(),
        )
        return measured, outcome

    def _reason(self, top: int) -> str | None:
        """Why there is no answer; None where there is one."""
        if not self._ranks:
            return "the split has no items"
        if not sum(map(len, self._ranks)):
            return "no item of the split has a right answer"
        if self._classes == 1:
            return "the data has one class only, so every answer is right"
        if top > 1 and self._classes <= top:
            return f"the data has only {self._classes} classes"
        return None

    def _order_of_labelled(self) -> str:
        """Fingerprint of the items that outcomes speak of: another one where some were left out."""
        if all(bool(labelled.all()) for labelled in self._labelled):
            return self._order
        import numpy as np
        import torch

        bits = np.packbits(torch.cat(self._labelled).numpy()).tobytes()
        return hashlib.sha256(f"{self._order}:labelled:".encode() + bits).hexdigest()

    def _share(self, metric: str, value: float | None, reason: str | None) -> Measurement:
        return Measurement(
            metric=metric, unit="1", better="higher", kind="exact", split=self._split, value=value, reason=reason
        )


def label_ranks(outputs: Tensor, targets: Tensor) -> Tensor:
    """How many classes come before each item's label (n,): those with a larger output, or an equal one and lower index.

    Counting does not depend on a device's order of sorting, as `topk` does when outputs are equal.
    """
    import torch

    own = outputs.gather(1, targets[:, None])
    index = torch.arange(outputs.shape[1], device=outputs.device)
    before = (outputs > own) | ((outputs == own) & (index < targets[:, None]))
    return before.sum(dim=1)


def best_ranks(outputs: Tensor, accepted: Tensor) -> Tensor:
    """The rank (n,) of the best placed of each item's accepted classes (n, classes), of which each has one or more."""
    import torch

    index = torch.arange(outputs.shape[1], device=outputs.device).expand_as(outputs)
    highest = outputs.masked_fill(~accepted, float("-inf")).amax(dim=1, keepdim=True)
    # Of accepted classes with the same output the one of lowest index comes first.
    best = index.masked_fill(~(accepted & (outputs == highest)), outputs.shape[1]).amin(dim=1)
    return label_ranks(outputs, best)
