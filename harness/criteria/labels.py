"""What criteria read from the targets of calibration items: that they are there, and equally many of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.errors import Problem, SpecError
from harness.tasks.base import Batch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def labels_of(batches: Sequence[Batch], where: str) -> NDArray[np.int64]:
    """The label of every item, (items,); raises SpecError where items come without."""
    import numpy as np

    found: list[NDArray[np.int64]] = []
    for batch in batches:
        targets: Any = batch.targets
        if targets is None or targets.dim() != 1 or targets.is_floating_point() or len(targets) != len(batch):
            raise SpecError(Problem(where, "needs a label, a whole number, for every calibration item; there is none"))
        found.append(np.asarray(targets.cpu().numpy(), dtype=np.int64))
    labels = np.concatenate(found) if found else np.empty(0, dtype=np.int64)
    if labels.size == 0 or labels.min() < 0:
        missing = "there are no items" if labels.size == 0 else f"{int((labels < 0).sum())} of them have a negative one"
        raise SpecError(Problem(where, f"needs a label for every calibration item; {missing}"))
    return labels


def balanced(batches: Sequence[Batch], items: int | None, where: str) -> tuple[NDArray[np.int64], ...]:
    """Places within each batch of equally many items of each label, the first of each in order.

    As many as the rarest label has, or a fair share of `items` where that is fewer; what does not divide is left out.
    Picking from what was picked gives the same again.
    """
    import numpy as np

    labels = labels_of(batches, where)
    known, counts = np.unique(labels, return_counts=True)
    each = int(counts.min()) if items is None else min(int(counts.min()), items // len(known))
    if each < 1:
        raise SpecError(Problem(where, f"{items} items are fewer than one of each of the {len(known)} labels"))
    taken = np.zeros(len(labels), dtype=bool)
    for label in known:
        taken[np.flatnonzero(labels == label)[:each]] = True
    ends = np.cumsum([len(batch) for batch in batches])[:-1]
    return tuple(np.flatnonzero(part).astype(np.int64) for part in np.split(taken, ends))
