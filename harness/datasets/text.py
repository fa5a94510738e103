"""One's own text: files of documents, cut into stretches of tokens."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import Field, model_validator

from harness.datasets.base import PARTS, Data, Dataset, datasets
from harness.datasets.carving import carve
from harness.datasets.documents import LAYOUT, Document, Rule, check_apart, given_documents
from harness.datasets.places import data_folder, fault, where
from harness.datasets.rows import Rows
from harness.datasets.splits import Splits, takes
from harness.datasets.stretches import TextPart
from harness.datasets.tokenizing import Encoder, Tokenizer, Tokens, encoder_of, on_hub, tokenizer_file
from harness.errors import DataError
from harness.pretrained import Published
from harness.schema import Label
from harness.tasks.base import Description
from harness.tasks.language_modelling import LanguageModelling
from harness.tasks.texts import TextInput

LEARNT_FROM = ("train", "calibration")  # parts that `packed` speaks of; the others are told document by document


@datasets.register("text")
class Text(Dataset):
    """Documents in UTF-8: PART.txt or PART/*.txt of a folder (train, calibration, validation, test), or *.txt alone.

    Parts that are missing are carved from those that are there, document by document, in a fixed order; `splits` counts
    documents. No document may stand in two parts. Items are stretches of `context` tokens: of train and calibration in
    full contexts across documents (`packed`), of validation and test document by document, so that each token but a
    document's first is told exactly once. White space around a document is taken off; one of a single token is left
    out. The fingerprint of a part is the hash of its documents' token ids, before they are packed.
    """

    has_path: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("transformers.modeling_utils",)  # of the networks that read it
    label: Label = Field(description="the folder is paths[label] of the site file")
    splits: Splits = {}
    separator: str | None = Field(None, min_length=1, description="text between two documents of a file; null: no rule")
    heading: str | None = Field(None, min_length=1, description="a document begins at each line that starts with this")
    rows: Rows | None = Field(None, description="documents are rows of a table, of a hub by name or of a folder")
    tokenizer: Tokenizer = Field(
        "bytes", description="bytes, ORG/NAME of the hub (@REVISION), or {label: L}: tokenizer.json of paths[L]"
    )
    begin: str | None = Field(None, min_length=1, description="a token of the tokenizer put before each document")
    context: int = Field(256, ge=2, le=1_000_000, description="most tokens of an item")
    stride: int | None = Field(
        None, ge=1, description="tokens between two windows of a document in validation and test; null: the context"
    )
    packed: bool = Field(True, description="train and calibration in full contexts, one document after another")

    @model_validator(mode="after")
    def _has_one_rule(self) -> Text:
        if self.separator is not None and self.heading is not None:
            raise ValueError("'separator' and 'heading' both say where a document ends; leave one out")
        return self

    @model_validator(mode="after")
    def _rules_are_of_files(self) -> Text:
        if self.rows is not None and (self.separator is not None or self.heading is not None):
            raise ValueError("'separator' and 'heading' cut files, and a row is a document; leave them out")
        return self

    @model_validator(mode="after")
    def _strides_within_the_context(self) -> Text:
        if self.stride is not None and self.stride > self.context:
            raise ValueError(f"a stride of {self.stride} would leave tokens out; at most the context, {self.context}")
        return self

    def describe(self, paths: Mapping[str, Path]) -> Description:
        place = where(self.name, self.title)
        encoder = encoder_of(self.tokenizer, paths, place)
        self._first(encoder, place)
        self._documents(paths, place)
        return self._description(encoder)

    def on_hub(self) -> tuple[Published, ...]:
        found = on_hub(self.tokenizer)
        return () if found is None else (found,)

    def load(self, paths: Mapping[str, Path], config: TextInput, workers: int = 0) -> Data:
        place = where(self.name, self.title)
        encoder = encoder_of(self.tokenizer, paths, place)
        first = self._first(encoder, place)
        description = self._description(encoder)
        misfit = LanguageModelling().misfit(config.limits(), description)
        if misfit:
            raise DataError(fault(place, misfit))
        parts = {}
        for part, documents in self._documents(paths, place).items():
            tokens = [found for found in (_tokens(encoder, one, first) for one in documents) if len(found.ids) > 1]
            if not tokens:
                raise DataError(fault(place, f"no document of {part} has two tokens, so there is nothing to tell"))
            is_packed = self.packed and part in LEARNT_FROM
            stride = self.context if part in LEARNT_FROM else self.stride or self.context
            words = self._words(len(tokens), stride, is_packed, config.unscored)
            parts[part] = TextPart(tokens, self.context, stride, is_packed, words, config.unscored)
        return Data(description, parts)

    def tokenizer_file(self, paths: Mapping[str, Path]) -> Path | None:
        return tokenizer_file(self.tokenizer, paths, where(self.name, self.title))

    def fetch(self, paths: Mapping[str, Path]) -> None:
        if self.rows is not None and not self.is_here(paths):
            self.rows.fetch()

    def _documents(self, paths: Mapping[str, Path], place: str) -> dict[str, list[Document]]:
        """The four parts, disjoint."""
        given = self._given(paths, place)
        found = takes({part: len(documents) for part, documents in given.items()}, self.splits, place)
        carved = carve({part: np.zeros(len(documents), dtype=np.int64) for part, documents in given.items()}, found)
        parts = {part: [given[at.source][index] for index in at.indices] for part, at in carved.items()}
        check_apart(parts, place)
        return {part: parts[part] for part in PARTS}

    def _given(self, paths: Mapping[str, Path], place: str) -> dict[str, tuple[Document, ...]]:
        if self.rows is not None:
            return self.rows.documents(paths, self.title, place)
        rule = Rule(self.separator, self.heading)
        return given_documents(data_folder(paths, self.title, place, LAYOUT), rule, place)

    def _first(self, encoder: Encoder, place: str) -> int | None:
        """The id of the token that is put before each document."""
        if self.begin is None:
            return None
        found = encoder.named(self.begin)
        if found is None:
            raise DataError(fault(place, f"its tokenizer has no token {self.begin!r}; leave it out", "begin"))
        return found

    def _description(self, encoder: Encoder) -> Description:
        return Description(LanguageModelling.name, encoder.vocabulary, length=self.context)

    def _words(self, documents: int, stride: int, is_packed: bool, unscored: int) -> str:
        """What became of a part's text."""
        tokenizer = self.tokenizer if isinstance(self.tokenizer, str) else self.tokenizer.label
        begun = "" if self.begin is None else f", each after {self.begin}"
        cut = f"packed into contexts of {self.context}" if is_packed else f"contexts of {self.context}, stride {stride}"
        cut += f", told after {unscored} more" if unscored else ""
        found = Rule(self.separator, self.heading).told() if self.rows is None else self.rows.told()
        return f"{documents} documents{begun}, {found}; tokens {tokenizer}; {cut}"


def _tokens(encoder: Encoder, document: Document, first: int | None) -> Tokens:
    found = encoder.encode(document.text)
    if first is None:
        return found
    return Tokens(np.insert(found.ids, 0, first), np.insert(found.ends, 0, 0))
