"""Text as token ids: bytes, or a tokenizer of the `tokenizers` library from the hub's cache or a folder."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field

from harness.datasets.places import data_folder, fault
from harness.errors import DataError, MissingExtraError, Problem, short
from harness.pretrained import Published
from harness.schema import Label, Schema

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Library

FILE = "tokenizer.json"
OPTION = "tokenizer"
OWN = "bytes"
BYTES = 256
PIECE = r"[A-Za-z0-9_](?:[A-Za-z0-9_]|[.-](?![.-]))*(?<![.-])"  # as the hub names owners and repositories
HUB_NAME = re.compile(rf"(?!.{{201}})(?:{PIECE}/)?{PIECE}(?:@{PIECE})?")


class TokenizerFolder(Schema):
    """A folder of one's own with a tokenizer.json, such as a model's."""

    label: Label = Field(description="the folder is paths[label] of the site file")


def _tokenizer(value: Any) -> Any:
    """Picks the shape by what is written, so that a problem is told about what was meant."""
    if isinstance(value, Mapping):
        return TokenizerFolder.model_validate(value)
    if isinstance(value, TokenizerFolder) or (isinstance(value, str) and HUB_NAME.fullmatch(value)):
        return value
    raise ValueError("must be bytes, the name of a repository (ORG/NAME), or {label: L}")


Tokenizer: TypeAlias = Annotated[str | TokenizerFolder, BeforeValidator(_tokenizer)]


@dataclass(frozen=True)
class Tokens:
    """Token ids (n,) of a document, and for each the bytes of the text up to its end (n,)."""

    ids: NDArray[np.int32]
    ends: NDArray[np.int64]


class Encoder(Protocol):
    """Makes token ids of a text; `vocabulary` is one more than the highest id."""

    @property
    def vocabulary(self) -> int: ...

    def encode(self, text: str) -> Tokens:
        """The tokens of one document, no special ones among them."""

    def named(self, token: str) -> int | None:
        """The id of a token by its name, None where there is no such token."""


class ByteEncoder:
    """Every byte of the UTF-8 is a token."""

    vocabulary = BYTES

    def encode(self, text: str) -> Tokens:
        ids = np.frombuffer(text.encode(), dtype=np.uint8).astype(np.int32)
        return Tokens(ids, np.arange(1, len(ids) + 1, dtype=np.int64))

    def named(self, token: str) -> int | None:
        return None


class LibraryEncoder:
    """A tokenizer of the `tokenizers` library; truncation and padding that its file asks for are left off."""

    def __init__(self, library: Library) -> None:
        library.no_truncation()
        library.no_padding()
        self._library = library
        self.vocabulary = max(library.get_vocab(with_added_tokens=True).values(), default=-1) + 1

    def encode(self, text: str) -> Tokens:
        found = self._library.encode(text, add_special_tokens=False)
        ends = np.array([end for _, end in found.offsets], dtype=np.int64)
        # A token may be a part of a character, and then ends where the character does.
        return Tokens(np.array(found.ids, dtype=np.int32), np.maximum.accumulate(_bytes_before(text)[ends]))

    def named(self, token: str) -> int | None:
        found: int | None = self._library.token_to_id(token)
        return found


def encoder_of(tokenizer: str | TokenizerFolder, paths: Mapping[str, Path], place: str) -> Encoder:
    """The encoder that a study names; raises DataError where its file is absent or damaged, MissingExtraError."""
    if tokenizer == OWN:
        return ByteEncoder()
    try:
        import tokenizers
    except ImportError:
        message = "a tokenizer needs tokenizers: pip install 'ablation-harness[lm]'; 'bytes' needs nothing"
        raise MissingExtraError(Problem(OPTION, message)) from None
    path, called = _file(tokenizer, paths, place)
    try:
        text = path.read_text(encoding="utf-8")
        json.loads(text)
        library = tokenizers.Tokenizer.from_str(text)
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(place, called, error) from None
    except Exception as error:  # noqa: BLE001  # the library raises nothing narrower for a file that it cannot use
        raise _damaged(place, called, error) from None
    return LibraryEncoder(library)


def on_hub(tokenizer: str | TokenizerFolder) -> Published | None:
    """The tokenizer.json of a repository; None for what is no repository."""
    if isinstance(tokenizer, TokenizerFolder) or tokenizer == OWN:
        return None
    return Published(f"tokenizer {tokenizer}", tokenizer, (FILE,), None)


def tokenizer_file(tokenizer: str | TokenizerFolder, paths: Mapping[str, Path], place: str) -> Path | None:
    """The tokenizer.json that a study names, None for bytes; raises DataError where it is absent."""
    return None if tokenizer == OWN else _file(tokenizer, paths, place)[0]


def _file(tokenizer: str | TokenizerFolder, paths: Mapping[str, Path], place: str) -> tuple[Path, str]:
    """The tokenizer.json, and what to call it."""
    if isinstance(tokenizer, TokenizerFolder):
        folder = data_folder(paths, tokenizer.label, f"{place}: tokenizer {tokenizer.label!r}", f"it holds {FILE}")
        if not (folder / FILE).is_file():
            raise DataError(fault(place, f"the folder of tokenizer {tokenizer.label!r} holds no {FILE}", OPTION))
        return folder / FILE, f"tokenizer {tokenizer.label!r}"
    published = on_hub(tokenizer)
    found = None if published is None else published.found()
    if found is None:
        message = f"{FILE} of {tokenizer} is not on this machine; `harness fetch STUDY.yaml` brings it"
        raise DataError(fault(place, message, OPTION))
    return found, f"tokenizer {tokenizer}"


def _damaged(place: str, called: str, error: Exception) -> DataError:
    why = str(error).partition("\n")[0]
    return DataError(fault(place, f"{called} is no {FILE} that the tokenizers library reads: {short(why)}", OPTION))


def _bytes_before(text: str) -> NDArray[np.int64]:
    """For every place between characters, the bytes of the UTF-8 before it: (characters + 1,)."""
    points = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    sizes = 1 + (points > 0x7F).astype(np.int64) + (points > 0x7FF) + (points > 0xFFFF)
    return np.concatenate([[0], np.cumsum(sizes)])
