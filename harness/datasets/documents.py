"""Documents from text files: which files are which part, and where in a file a document ends."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from harness.datasets.base import PARTS
from harness.datasets.places import fault
from harness.errors import DataError, Problem, short

LAYOUT = "it holds train.txt, test.txt and the like, or train/*.txt, or any *.txt alone"


@dataclass(frozen=True)
class Rule:
    """Where one document of a file ends and the next begins; without a rule a file is one document.

    Either `separator` stands between documents, or each line that starts with `heading` begins one; what stands before
    the first heading is a document too.
    """

    separator: str | None = None
    heading: str | None = None

    def documents(self, text: str) -> Iterator[str]:
        """The documents of a text, white space around them taken off; those of nothing else are left out."""
        pieces = [text]
        if self.separator is not None:
            pieces = text.split(self.separator)
        elif self.heading is not None:
            pieces = re.split(rf"^(?={re.escape(self.heading)})", text, flags=re.MULTILINE)
        return (piece.strip() for piece in pieces if piece.strip())

    def told(self) -> str:
        """The rule in words."""
        if self.separator is not None:
            return f"documents separated by {short(self.separator)}"
        return (
            "a file is a document" if self.heading is None else f"documents begin at lines with {short(self.heading)}"
        )


@dataclass(frozen=True)
class Document:
    """A text, and where it stands: `train.txt, document 3`."""

    text: str
    place: str

    @property
    def digest(self) -> bytes:
        """SHA-256 of its text in UTF-8."""
        return hashlib.sha256(self.text.encode()).digest()


def given_documents(root: Path, rule: Rule, place: str) -> dict[str, tuple[Document, ...]]:
    """Documents of every given part, in the order of their files; raises DataError with all that is wrong."""
    found: dict[str, tuple[Document, ...]] = {}
    problems: list[Problem] = []
    for part, files in _files(root, place).items():
        documents: list[Document] = []
        for path in files:
            called = path.relative_to(root).as_posix()
            try:
                texts = rule.documents(_text(path, f"{place}: {called}"))
            except DataError as error:
                problems += error.problems
                continue
            documents += (Document(text, f"{called}, document {number}") for number, text in enumerate(texts, 1))
        if not documents and not problems:
            names = ", ".join(path.relative_to(root).as_posix() for path in files)
            problems.append(fault(f"{place}: {names}", "is empty; a part needs at least one document"))
        found[part] = tuple(documents)
    if problems:
        raise DataError(problems)
    return found


def check_apart(parts: Mapping[str, Sequence[Document]], place: str) -> None:
    """Raises DataError where a document stands in two parts: what was trained on must not be tested on."""
    problems = []
    for first, second in combinations(parts, 2):
        held = {document.digest: document for document in parts[first]}
        twice = next((document for document in parts[second] if document.digest in held), None)
        if twice is not None:
            other = held[twice.digest]
            message = f"{second} holds a document of {first}: {twice.place} is {other.place}; each belongs to one part"
            problems.append(fault(place, message))
    if problems:
        raise DataError(problems)


def _files(root: Path, place: str) -> dict[str, tuple[Path, ...]]:
    """Text files by the part that they are given for; where none is, all files are `train`."""
    parts = {
        part: (*_texts_in(root / part), *([path] if (path := root / f"{part}.txt").is_file() else ())) for part in PARTS
    }
    given = {part: files for part, files in parts.items() if files}
    if not given and (files := _texts_in(root)):
        return {"train": files}
    if not given:
        raise DataError(fault(place, f"its folder holds no text files; {LAYOUT}"))
    return given


def _texts_in(folder: Path) -> tuple[Path, ...]:
    return tuple(sorted(path for path in folder.glob("*.txt") if path.is_file() and not path.name.startswith(".")))


def _text(path: Path, place: str) -> str:
    """A file's text, every line end as one character; raises DataError for what is no text in UTF-8."""
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise DataError(fault(place, f"cannot be read: {error.strerror}")) from None
    except UnicodeDecodeError as error:
        found = f"byte {content[error.start]:#04x} at position {error.start:,}"
        raise DataError(fault(place, f"is no text in UTF-8 ({found}); convert it, with iconv for example")) from None
    if "\0" in text:
        raise DataError(fault(place, "holds zero bytes: it is a binary file, and a text is needed"))
    return same_line_ends(text)


def same_line_ends(text: str) -> str:
    """The text with every line end as one character."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
