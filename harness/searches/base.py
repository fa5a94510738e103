"""What every search must give: an order or sets of units, found with a criterion's scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from harness.criteria.base import Criterion, Scoring
from harness.errors import SpecError
from harness.records import SelectionInfo
from harness.registry import Registry
from harness.schema import Plugin, Schema


class Selection(Schema):
    """For each count the units to remove; `info` tells how they were found.

    A nested selection keeps its `order` in `info`; `sets` holds count -> unit names either way.
    """

    sets: dict[int, tuple[str, ...]]
    info: SelectionInfo

    def at(self, count: int) -> tuple[str, ...]:
        """The units to remove at this count, in order of removal where there is one; raises SpecError without a set."""
        if count not in self.sets:
            held = ", ".join(map(str, sorted(self.sets))) or "none"
            raise SpecError(f"search {self.info.search} found no set of {count} units; it has sets of: {held}")
        return self.sets[count]


class Search(Plugin, ABC):
    """From scores to sets."""

    is_nested: ClassVar[bool] = True

    @property
    def largest_count(self) -> int | None:
        """The most units that a set of its can hold; None where all but one can be reached."""
        return None

    def fault(self, of: int) -> str:
        """Why it cannot search so many units, in a sentence; empty where it can. Asked before any run."""
        return ""

    @abstractmethod
    def select(self, criterion: Criterion, scoring: Scoring) -> Selection:
        """Sets for every count from 1 to all but one unit; ties go to the lowest depth, and are reported."""


searches: Registry[Search] = Registry("search", "harness.searches")
