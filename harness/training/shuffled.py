"""The batches of every epoch, in an order of its own that follows the seed, augmented and mixed as the recipe says."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import torch

from harness.datasets.arrays import batch_indices
from harness.datasets.base import Part
from harness.datasets.chance import derived
from harness.datasets.label_noise import LabelNoise
from harness.datasets.mixing import Mixing
from harness.recipes import TrainOptions
from harness.tasks.base import Batch
from harness.training.circle import Circle, Share


@dataclass(frozen=True)
class Shuffled:
    """Dropout and augmentation of an epoch follow the same seed as its order.

    Order, augmentation and mixing are drawn for the whole batch, whoever takes which share of it; only dropout and drop
    path are each process's own.
    """

    part: Part
    options: TrainOptions
    device: str
    seed: int
    mixing: Mixing | None
    circle: Circle
    scored: Callable[[Batch], int] = len
    noise: LabelNoise | None = None

    def __len__(self) -> int:
        return math.ceil(len(self.part) / self.options.batch)

    def epoch(self, number: int, done: int = 0) -> Iterator[Share]:
        """This process's shares of the batches after the first `done`."""
        own = derived(self.seed, number)
        torch.manual_seed(own)
        size, augment = self.options.batch, self.options.augment
        is_plain = augment == "none"
        found = self.part.batches(size, shuffle=own) if is_plain else self.part.augmented(size, own, augment)
        if self.noise is not None:
            found = map(self.noise, found, batch_indices(len(self.part), size, own))
        # Read and dropped, now: augmentation draws in the order of the batches.
        rest = islice(found, done, None) if done else found
        return (self._share(batch, derived(own, index)) for index, batch in enumerate(rest, done))

    def _share(self, batch: Batch, seed: int) -> Share:
        if self.mixing is None:
            share = self.circle.share(batch, self.scored)
            share = Share(share.batch.to(self.device), share.weight, share.scored)
        else:
            batch = batch.to(self.device)
            if not self.circle.is_alone:
                torch.manual_seed(seed)  # noise that is drawn on a GPU follows this
            share = self.circle.share(self.mixing(batch, seed), self.scored)
        if not self.circle.is_alone:
            torch.manual_seed(derived(seed, f"rank {self.circle.rank}"))
        return share
