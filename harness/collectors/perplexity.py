"""Perplexity and bits per byte, with the log-likelihood of every document kept."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.collectors.base import SPLITS, OutcomeCollector, collectors
from harness.collectors.metrics import answer
from harness.errors import DataError
from harness.records import Asked, Measurement, Outcome
from harness.tasks.base import Batch, Task
from harness.tasks.language_modelling import LanguageModelling, log_likelihoods
from harness.tasks.texts import TextBatch

if TYPE_CHECKING:
    from torch import Tensor

METRICS = ("perplexity", "bits_per_byte")


@collectors.register("perplexity")
class Perplexity(OutcomeCollector):
    """exp(-mean ln p) over tokens, and bits per byte of the text; every token but a document's first counts once.

    p is the probability that the network gives to the token that comes next, of the tokens that stand before it in its
    window: `context` and `stride` are options of the data, and the record's transform states them. Logarithms are of
    float32 logits, their sums in float64. Bits per byte, -sum log2 p / bytes, counts the bytes in UTF-8 of the tokens
    that were scored, so that networks of different tokenizers compare. The outcome holds ln p of every document, in
    nats, with its tokens and bytes: what paired tests over documents need.
    """

    tasks: ClassVar[tuple[str, ...]] = (LanguageModelling.name,)

    def asked(self) -> tuple[Asked, ...]:
        return tuple(Asked(metric=metric, split=split) for split in SPLITS for metric in METRICS)

    def tally(self, split: str, task: Task, order: str) -> PerplexityTally:
        return PerplexityTally(split, task.item, order)


@dataclass(frozen=True)
class Sums:
    """Of each document the sum of ln p of its tokens, how many these are, and how many bytes: each (documents,)."""

    nats: NDArray[np.float64]
    tokens: NDArray[np.float64]
    text_bytes: NDArray[np.float64]


class PerplexityTally:
    """Log-likelihoods of stretches, in whatever order they come, summed by document at the end."""

    def __init__(self, split: str, item: str, order: str) -> None:
        self._split, self._item, self._order = split, item, order
        self._documents: list[NDArray[np.int64]] = []
        self._rows: list[NDArray[np.float64]] = []  # ln p, tokens, bytes of each stretch: (3, n)
        self._longest = 0

    def update(self, outputs: Tensor, batch: Batch) -> None:
        """Logits (n, length, vocabulary) of one batch of text; raises ArithmeticError on NaN."""
        if not isinstance(batch, TextBatch) or batch.documents is None or batch.text_bytes is None:
            raise DataError(f"split {self._split!r} does not say which documents its items are from")
        tokens = LanguageModelling().predictions(batch)
        nats = log_likelihoods(outputs, batch.targets).double().sum(dim=1)
        broken = int(nats.isnan().sum())
        if broken:
            raise ArithmeticError(
                f"the outputs of {broken} of {len(batch)} items of a batch of split {self._split!r} hold NaN; "
                "the network's arithmetic broke down, so its perplexity means nothing"
            )
        self._longest = max(self._longest, batch.inputs.shape[1])
        self._documents.append(batch.documents.cpu().numpy())
        self._rows.append(np.stack([one.double().cpu().numpy() for one in (nats, tokens, batch.text_bytes)]))

    def finish(self) -> tuple[tuple[Measurement, ...], tuple[Outcome, ...]]:
        """Both measures, and the documents behind them."""
        if not self._rows:
            return tuple(self._answer(metric, None, "the split has no items") for metric in METRICS), ()
        sums = self._sums()
        nats, tokens, text_bytes = (float(values.sum()) for values in (sums.nats, sums.tokens, sums.text_bytes))
        details = {
            "documents": len(sums.nats),
            "tokens": int(tokens),
            "bytes": int(text_bytes),
            "context": self._longest,
        }
        found = (
            self._measured("perplexity", _exp(-nats / tokens), details),
            self._measured("bits_per_byte", -nats / math.log(2) / text_bytes if text_bytes else math.nan, details),
        )
        return found, (self._outcome(sums),) if math.isfinite(nats) else ()

    def _sums(self) -> Sums:
        documents, rows = np.concatenate(self._documents), np.concatenate(self._rows, axis=1)
        sums = np.zeros((3, int(documents.max()) + 1))
        for sum_of, values in zip(sums, rows, strict=True):
            np.add.at(sum_of, documents, values)
        return Sums(*sums)

    def _measured(self, metric: str, value: float, details: dict[str, int]) -> Measurement:
        if math.isfinite(value):
            return self._answer(metric, value, None, details)
        what = "the text has no bytes" if math.isnan(value) else "a token has the probability 0, or nearly so"
        return self._answer(metric, None, what, details)

    def _answer(
        self, metric: str, value: float | None, reason: str | None, details: dict[str, int] | None = None
    ) -> Measurement:
        asked = Asked(metric=metric, split=self._split)
        return answer(asked, "exact", value, reason=reason, details=details or {})

    def _outcome(self, sums: Sums) -> Outcome:
        return Outcome(
            split=self._split,
            metric="perplexity",
            item=self._item,
            items=len(sums.nats),
            encoding="float64",
            data=_encoded(sums.nats),
            weights={"tokens": _encoded(sums.tokens), "bytes": _encoded(sums.text_bytes)},
            order=self._order,
        )


def _exp(value: float) -> float:
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf


def _encoded(values: NDArray[np.float64]) -> str:
    return base64.b64encode(values.astype("<f8").tobytes()).decode()
