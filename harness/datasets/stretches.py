"""Tokens of documents cut into stretches that fit a context, and the part of a data set that they make."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.datasets.arrays import batch_indices
from harness.datasets.base import Part
from harness.datasets.tokenizing import Tokens
from harness.records import PartInfo
from harness.tasks.texts import UNSCORED, TextBatch

if TYPE_CHECKING:
    from torch import Tensor

PASS_TOKENS = 4096  # of a forward pass that is not a training's: logits of a vocabulary of 50,000 are 800 MB


@dataclass(frozen=True)
class Stretch:
    """Tokens `start` to before `stop` of a part are fed; told is what follows each of them from `scored` on."""

    start: int
    stop: int
    scored: int

    def __len__(self) -> int:
        return self.stop - self.start


def packed(tokens: int, context: int) -> Iterator[Stretch]:
    """All tokens of a part in full contexts, whatever document they are of; the last one as long as it comes."""
    for start in range(0, tokens - 1, context):
        yield Stretch(start, min(start + context, tokens - 1), start)


def windows(first: int, last: int, context: int, stride: int) -> Iterator[Stretch]:
    """The document from token `first` to before `last`, so that each token but the first is told once.

    Windows begin `stride` tokens apart; each is scored where the one before had ended, so that but for the first window
    every token is told from at least `context - stride` others.
    """
    scored = start = first
    while scored < last - 1:
        stop = min(start + context, last - 1)
        yield Stretch(start, stop, scored)
        scored, start = stop, start + stride


class TextPart(Part):
    """Stretches of documents by length, the longest first and equal ones in the order of the text.

    So a batch holds little padding, and what is scored is the same in every batch size. Of a stretch nothing is told
    after its first `unscored` tokens; windows that overlap by as many leave no token untold but a document's first.
    """

    def __init__(
        self, documents: Sequence[Tokens], context: int, stride: int, is_packed: bool, words: str, unscored: int = 0
    ) -> None:
        self._unscored = unscored
        self._ids = np.concatenate([document.ids for document in documents])
        self._ends = np.concatenate([document.ends for document in documents])
        self._starts = np.cumsum([0, *(len(document.ids) for document in documents)])
        self._is_first = np.zeros(len(self._ids) + 1, dtype=np.bool_)
        self._is_first[self._starts] = True
        found = (
            packed(len(self._ids), context)
            if is_packed
            else (
                stretch
                for first, last in zip(self._starts[:-1].tolist(), self._starts[1:].tolist(), strict=True)
                for stretch in windows(first, last, context, stride)
            )
        )
        told = (one for one in found if len(self._places(one)))
        self._stretches = sorted(told, key=len, reverse=True)  # which keeps the order of equal ones
        self.most = max(1, PASS_TOKENS // max(map(len, self._stretches), default=1))
        digests = b"".join(hashlib.sha256(document.ids.astype("<i4").tobytes()).digest() for document in documents)
        self.info = PartInfo(items=len(self._stretches), sha256=hashlib.sha256(digests).hexdigest(), transform=words)

    def batches(self, size: int, shuffle: int | None = None) -> Iterator[TextBatch]:
        for indices in batch_indices(len(self), size, shuffle):
            yield self._batch([self._stretches[index] for index in indices])

    def _batch(self, stretches: Sequence[Stretch]) -> TextBatch:
        import torch

        longest = max(map(len, stretches))
        inputs = np.zeros((len(stretches), longest), dtype=np.int64)
        targets = np.full_like(inputs, UNSCORED)
        real = np.zeros(inputs.shape, dtype=np.bool_)
        sizes = np.zeros(len(stretches), dtype=np.int64)
        for row, one in enumerate(stretches):
            places = self._places(one)
            inputs[row, : len(one)] = self._ids[one.start : one.stop]
            targets[row, places - one.start - 1] = self._ids[places]
            real[row, : len(one)] = True
            sizes[row] = (self._ends[places] - self._ends[places - 1]).sum()
        documents = np.searchsorted(self._starts, [one.start for one in stretches], side="right") - 1

        def tensor(values: NDArray[np.generic]) -> Tensor:
            return torch.from_numpy(values)

        mask = None if real.all() else tensor(real)
        return TextBatch(tensor(inputs), tensor(targets), None, mask, tensor(documents), tensor(sizes))

    def _places(self, one: Stretch) -> NDArray[np.int64]:
        """Where the tokens are that a stretch is to tell: none that was told before, no document's first."""
        places = np.arange(max(one.scored, one.start + self._unscored) + 1, one.stop + 1)
        return places[~self._is_first[places]]
