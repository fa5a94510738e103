"""Is a study as good as its snapshot: worse, not to be told, or no regression, and what that could not have seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Literal, TypeAlias

from harness.briefs import age
from harness.records import Record
from harness.regressions.comparison import Comparison, compare
from harness.regressions.finding import Finding, Limits
from harness.sides import Side

Verdict: TypeAlias = Literal["passed", "regression", "nothing"]


@dataclass(frozen=True)
class Gate:
    """The verdict on a comparison with a snapshot; `is_strict`: what is missing is a regression as well."""

    comparison: Comparison
    is_strict: bool = False

    @property
    def regressions(self) -> tuple[Finding, ...]:
        """What is worse; strictly also what is missing here."""
        missing = [f for f in self.comparison.marked("?") if f.is_missing] if self.is_strict else []
        return (*self.comparison.marked("-"), *missing)

    @property
    def verdict(self) -> Verdict:
        """A regression where there is one; what compared nothing neither passed nor failed."""
        if self.regressions:
            return "regression"
        return "nothing" if self.comparison.is_empty else "passed"

    @property
    def largest_unseen(self) -> Finding | None:
        """The noisy metric of which the largest worsening could not have been seen; None where none was judged."""
        return next(iter(self.comparison.unseen), None)

    @property
    def middle_unseen(self) -> float | None:
        """The median, over noisy metrics, of the smallest worsening that would have been seen, as a share."""
        return median(f.detectable or 0.0 for f in self.comparison.unseen) if self.comparison.unseen else None


def gate(here: Side, snapshot: Side, limits: Limits, *, is_strict: bool = False) -> Gate:
    """Compares a study with its snapshot; runs that the snapshot holds are no news, and left out of the study."""
    return Gate(compare(snapshot, unkept(here, snapshot), limits), is_strict)


def unkept(here: Side, snapshot: Side) -> Side:
    """The runs of a study that a snapshot does not hold.

    Of a trial, or a collector, that fails now there is nothing from when it did not.
    """
    known = {record.run.id for record in snapshot.records}
    by_trial: dict[str, list[Record]] = {}
    for record in sorted(here.records, key=age):
        if record.run.id not in known:
            by_trial.setdefault(record.trial.id, []).append(record)
    held = (record for runs in by_trial.values() for record in _unfailed(_since_failure(runs)))
    return replace(here, records=tuple(held))


def _since_failure(runs: Sequence[Record]) -> Sequence[Record]:
    """Without the runs before the newest one, where that failed, on its machine class."""
    newest = runs[-1]
    if newest.status != "failed":
        return runs
    return [run for run in runs if run is newest or (_class_of(newest) and _class_of(run) != _class_of(newest))]


def _unfailed(runs: Sequence[Record]) -> Iterator[Record]:
    """Without older answers to a question, where the collector failed the newest time, on their machine class."""
    newest = {(_class_of(run), m.key): m for run in runs for m in run.measurements}
    for run in runs:
        held = (m for m in run.measurements if m.has_failed or not newest[_class_of(run), m.key].has_failed)
        yield run.model_copy(update={"measurements": tuple(held)})


def _class_of(run: Record) -> str | None:
    return run.environment.machine_class if run.environment else None
