"""Top-1 and top-5 accuracy, with the verdict on every item kept as a bit."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from harness.collectors.base import SPLITS, OutcomeCollector, collectors
from harness.errors import DataError
from harness.records import Asked, Measurement, Outcome
from harness.tasks.base import Batch, Task

if TYPE_CHECKING:
    from torch import Tensor

TOPS = {"top1": 1, "top5": 5}


@collectors.register("accuracy")
class Accuracy(OutcomeCollector):
    """Share of items whose label is among the 1 or 5 largest outputs; equal outputs rank by class index."""

    def asked(self) -> tuple[Asked, ...]:
        return tuple(Asked(metric=metric, split=split) for split in SPLITS for metric in TOPS)

    def tally(self, split: str, task: Task, order: str) -> AccuracyTally:
        return AccuracyTally(split, task.item, order)


class AccuracyTally:
    """The rank of each item's label, in item order."""

    def __init__(self, split: str, item: str, order: str) -> None:
        self._split = split
        self._item = item
        self._order = order
        self._ranks: list[Tensor] = []
        self._classes = 0

    def update(self, outputs: Tensor, batch: Batch) -> None:
        """Outputs (n, classes) of one batch; raises ArithmeticError on NaN and DataError on a label without output."""
        bad = int(outputs.isnan().any(dim=1).sum())
        if bad:
            raise ArithmeticError(
                f"the outputs of {bad} of {len(batch)} items of a batch of split {self._split!r} hold NaN; "
                "the network's arithmetic broke down, so its accuracy means nothing"
            )
        self._classes = int(outputs.shape[1])
        highest = int(batch.targets.max())
        if highest >= self._classes:
            raise DataError(f"split {self._split!r} has label {highest}, but the network has {self._classes} outputs")
        self._ranks.append(label_ranks(outputs, batch.targets).cpu())

    def finish(self) -> tuple[tuple[Measurement, ...], tuple[Outcome, ...]]:
        """Both shares, and the bits behind them."""
        found = [self._answer(metric, top) for metric, top in TOPS.items()]
        return tuple(m for m, _ in found), tuple(o for _, o in found if o is not None)

    def _answer(self, metric: str, top: int) -> tuple[Measurement, Outcome | None]:
        if not self._ranks:
            return self._share(metric, None, "the split has no items"), None
        if top > 1 and self._classes <= top:
            return self._share(metric, None, f"the data has only {self._classes} classes"), None
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
            order=self._order,
        )
        return measured, outcome

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
