"""What a user can put right: problems with a place, a sentence and a remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

LONGEST_NAME = 60  # characters of a value that are shown
LONGEST_LINE = 1_000


@dataclass(frozen=True)
class Problem:
    """One thing wrong: where it stands (`criteria.0.name`), and what would be right."""

    where: str
    message: str

    def __str__(self) -> str:
        message = "\n".join(visible(line) for line in self.message.split("\n"))
        return f"{visible(self.where)}: {message}" if self.where else message

    def under(self, prefix: str) -> Problem:
        """The same problem, seen from one level further out."""
        return Problem(".".join(part for part in (prefix, self.where) if part), self.message)

    def in_file(self, file: object) -> Problem:
        """The same problem with the file that it stands in: `studies/layers.yaml: criteria.0.name`."""
        return Problem(": ".join(part for part in (str(file), self.where) if part), self.message)


def visible(text: str) -> str:
    """A text as one line whose every character is seen: what would steer a terminal is shown by its number."""
    shown = text if len(text) <= LONGEST_LINE else text[:LONGEST_LINE] + "..."
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in shown)


class HarnessError(Exception):
    """The user's to fix: shown without a traceback, exit code 2; `after` says what was run before it came to that."""

    after = "nothing was run"

    def __init__(self, problems: str | Problem | Iterable[Problem]) -> None:
        if isinstance(problems, str):
            problems = (Problem("", problems),)
        elif isinstance(problems, Problem):
            problems = (problems,)
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class SpecError(HarnessError):
    """A study or site file that does not say what it must."""


class UnknownNameError(HarnessError):
    """A name that nothing is registered under."""


class DataError(HarnessError):
    """Data or weights that are absent, damaged or do not fit."""


class DeviceError(HarnessError):
    """A device that was asked for and is not there."""


class StoreError(HarnessError):
    """A results folder that cannot be read or written."""


class StageAbsentError(HarnessError):
    """What an earlier job of the chain should have made is not there."""


class MissingExtraError(HarnessError):
    """A part of `harness` whose optional packages are not installed."""


def suggestion(name: str, known: Iterable[str], most: int = 12) -> str:
    """`did you mean 'entropy'? known: entropy, last, ...`, the nearest known name first."""
    names = sorted(known)
    near = difflib.get_close_matches(name[:LONGEST_NAME], names, n=1, cutoff=0.6)
    listed = ", ".join(names[:most]) + (", ..." if len(names) > most else "")
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{hint}known: {listed or 'none'}"


def unknown(kind: str, name: str, known: Iterable[str], where: str = "") -> Problem:
    """The one sentence for every unknown name."""
    return Problem(where, f"unknown {kind} {short(name)}; {suggestion(name, known)}")


def short(value: object) -> str:
    """A value of the user's as a sentence shows it."""
    text = repr(value)
    return text if len(text) <= LONGEST_NAME else text[: LONGEST_NAME - 3] + "..."
