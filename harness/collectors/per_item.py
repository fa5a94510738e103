"""Counts of candidate and baseline per item: of one item where values do not matter, else of real batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from harness.collectors.base import Subject
from harness.schema import Json

if TYPE_CHECKING:
    from torch import Tensor

    from harness.counting import MacCount

BATCHES, ITEMS = 4, 16


@dataclass(frozen=True)
class Counts:
    """Counts of the same batches by both networks; `source` says what the batches are made of.

    `first` are the inputs (n, ...) of the first batch.
    """

    source: str
    first: Tensor
    items: tuple[int, ...]
    candidate: tuple[MacCount, ...]
    baseline: tuple[MacCount, ...]

    @property
    def read_by(self) -> tuple[str, ...]:
        """Operators of either network that looked at values."""
        return tuple(sorted({name for count in (*self.candidate, *self.baseline) for name in count.read_by}))

    @property
    def uncounted(self) -> tuple[str, ...]:
        """Operators of the candidate that nobody counted."""
        return tuple(sorted({name for count in self.candidate for name in count.uncounted}))

    def mean(self, counts: tuple[MacCount, ...], of: Callable[[MacCount], int]) -> float:
        """What one item takes on average; an integer where it is one."""
        return per_item(sum(of(count) for count in counts), sum(self.items))

    def details(self, of: Callable[[MacCount], int]) -> dict[str, Json]:
        """The baseline's mean, what was counted, and where values matter how far batches differ."""
        found: dict[str, Json] = {"baseline": self.mean(self.baseline, of), "input": self.source}
        if not self.read_by:
            return found
        each = [per_item(of(count), items) for count, items in zip(self.candidate, self.items, strict=True)]
        theirs = [per_item(of(count), items) for count, items in zip(self.baseline, self.items, strict=True)]
        return found | {
            "items": list(self.items),
            "read_by": list(self.read_by),
            "per_batch": list(each),
            "baseline_per_batch": list(theirs),
            "spread": _spread(each),
        }

    def warnings(self) -> tuple[str, ...]:
        """What makes these counts doubtful."""
        found: list[str] = []
        if self.uncounted:
            found.append(f"no formula for {', '.join(self.uncounted)}: the count is a lower bound")
        if self.read_by and self.source != "real batches":
            found.append(
                f"the count hangs on values, read by {', '.join(self.read_by)}, and there were no real items: "
                "made-up ones were counted"
            )
        return tuple(found)


def counts_of(subject: Subject) -> Counts:
    """Of one made-up item; where either network reads values, of real batches, or without them of a made-up one."""
    found = _counted(subject, "one made-up item", (subject.example(1).inputs,))
    if not found.read_by:
        return found
    if subject.real is None:
        return _counted(subject, "one made-up batch", (subject.example(ITEMS).inputs,))
    return _counted(subject, "real batches", tuple(batch.inputs for batch in subject.real(BATCHES, ITEMS)))


def per_item(total: int, items: int) -> float:
    """A share of a whole number; an integer where it is one."""
    return total / items if total % items else total // items


def _counted(subject: Subject, source: str, batches: tuple[Tensor, ...]) -> Counts:
    from harness.counting import count_macs

    return Counts(
        source=source,
        first=batches[0],
        items=tuple(len(inputs) for inputs in batches),
        candidate=tuple(count_macs(subject.candidate, inputs) for inputs in batches),
        baseline=tuple(count_macs(subject.baseline, inputs) for inputs in batches),
    )


def _spread(values: list[float]) -> Json:
    """Over batches, in the unit of the metric; one batch has no standard deviation."""
    return {
        "min": min(values),
        "max": max(values),
        "mean": fmean(values),
        "sd": stdev(values) if len(values) > 1 else None,
    }
