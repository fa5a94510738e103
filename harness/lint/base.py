"""What a rule of the linter is, and what it finds in a study."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.lint.facts import Facts


@dataclass(frozen=True)
class Source:
    """Where a rule comes from: as a table cites it, and whole; `place` is the section, where a reader needs one."""

    short: str
    full: str
    place: str = ""

    def at(self, place: str) -> Source:
        """A place of the same publication."""
        return Source(self.short, self.full, place)

    def __str__(self) -> str:
        return f"{self.short}, {self.place}" if self.place else self.short


@dataclass(frozen=True)
class Found:
    """What a rule met in a study, in words; `is_heeded` is None where the plan does not tell."""

    is_heeded: bool | None
    words: str


@dataclass(frozen=True)
class Rule:
    """One demand of the field on a study, by a code name.

    `check` gives None where the study makes no claim that the rule is about; `remedy` is what would satisfy it.
    """

    code: str
    demand: str
    source: Source
    remedy: str
    check: Callable[[Facts], Found | None]


@dataclass(frozen=True)
class Finding:
    """What a rule says of a study; `is_heeded` is None where the plan does not tell."""

    rule: Rule
    is_heeded: bool | None
    words: str

    @property
    def is_broken(self) -> bool:
        """Whether the plan tells that it is not heeded."""
        return self.is_heeded is False

    @property
    def sentence(self) -> str:
        """What is demanded, by whom, and what would satisfy it."""
        return f"{self.rule.demand} ({self.rule.source}): {self.rule.remedy}"
