"""Labels of a training part that chance replaces, the same ones in every epoch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.datasets.chance import derived

if TYPE_CHECKING:
    from harness.tasks.base import Batch

OWN = -1  # in place of a label that an item keeps


@dataclass(frozen=True)
class LabelNoise:
    """What each item of a part is told instead of its label: a class, or OWN, int64 (items,).

    The share of items that is asked for, rounded half up, gets a class drawn uniformly from all, so that of c classes
    one in c of them stays right by chance: the label noise of Zhang et al. 2017 (arXiv 1611.03530) and of table 1 of
    "The Lazy Neuron Phenomenon" (arXiv 2210.06313). By one seed, what is replaced at one share is replaced by the same
    at every larger one.
    """

    labels: NDArray[np.int64]

    @classmethod
    def drawn(cls, items: int, classes: int, share: float, seed: int) -> LabelNoise:
        """For a part of so many items, from a stream of its own of the training's seed."""
        chance = np.random.default_rng(derived(seed, "label_noise"))
        order, drawn = chance.permutation(items), chance.integers(classes, size=items)
        labels = np.full(items, OWN, dtype=np.int64)
        hit = order[: int(share * items + 0.5)]
        labels[hit] = drawn[hit]
        return cls(labels)

    def __call__(self, batch: Batch, numbers: NDArray[np.int64]) -> Batch:
        """The batch with other targets; `numbers` (n,) are those of its items in the part."""
        import torch

        told = torch.from_numpy(self.labels[numbers]).to(batch.targets.device)
        return replace(batch, targets=torch.where(told == OWN, batch.targets, told))
