"""What a language model wants to be fed, and how stretches of text come in batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.schema import Options
from harness.tasks.base import Batch, InputConfig

if TYPE_CHECKING:
    from torch import Tensor

UNSCORED = -100  # the target at places where nothing is to be told; torch's own mark


@dataclass(frozen=True)
class TextInput(InputConfig):
    """Token ids below `vocabulary`, of an item at most `context`; None where the network takes any length.

    What follows the first `unscored` tokens of an item is not to be told: the network saw it when it chose its way.
    """

    vocabulary: int
    context: int | None = None
    unscored: int = 0

    def limits(self) -> dict[str, int]:
        found = {"vocabulary": self.vocabulary, "context": self.context or 0, "unscored": self.unscored}
        return {name: limit for name, limit in found.items() if limit}

    def told(self) -> Options:
        return dict(self.limits())


@dataclass(frozen=True)
class TextBatch(Batch):
    """Stretches of documents: `inputs` (n, length) token ids, padded on the right where `mask` (n, length) says so.

    `targets` (n, length) hold at each place the token that comes next, UNSCORED where it is not asked for: at padding,
    at the end of a document, and at tokens that were scored in the stretch before. `documents` (n,) are the numbers of
    the documents that items are from within their part, or of the first of them; `text_bytes` (n,) are the bytes in
    UTF-8 of the tokens that an item's targets ask for.
    """

    documents: Tensor | None = None
    text_bytes: Tensor | None = None
