"""Two sides beside each other: every finding, how many of each mark, and what could not have been seen."""

from __future__ import annotations

from dataclasses import dataclass

from harness.regressions.exact import Exact
from harness.regressions.finding import MARKS, Finding, Limits, Mark
from harness.regressions.noisy import EVERYWHERE, noisy
from harness.regressions.pairs import Pair, pairs
from harness.sides import Side


@dataclass(frozen=True)
class Comparison:
    """All findings: of whole trials and exact parts first, trial by trial, then of noisy metrics."""

    first: Side
    second: Side
    limits: Limits
    pairs: tuple[Pair, ...]
    findings: tuple[Finding, ...]

    def marked(self, *marks: Mark) -> tuple[Finding, ...]:
        """The findings with one of the marks."""
        return tuple(finding for finding in self.findings if finding.mark in marks)

    def counts(self) -> dict[Mark, int]:
        """How many findings have each mark, in the order of `MARKS`."""
        found = [finding.mark for finding in self.findings]
        return {mark: found.count(mark) for mark in MARKS if mark in found}

    @property
    def is_empty(self) -> bool:
        """Whether nothing could be compared: every finding is unknown, or there is none."""
        return all(finding.mark == "?" for finding in self.findings)

    @property
    def unseen(self) -> tuple[Finding, ...]:
        """Noisy metrics of single trials that were judged, that with the largest unseen worsening first."""
        judged = [f for f in self._judged if f.detectable is not None]
        return tuple(sorted(judged, key=lambda f: -(f.detectable or 0.0)))

    @property
    def doubted(self) -> tuple[Finding, ...]:
        """Noisy metrics of single trials that were judged, and of which no move would have been believed."""
        return tuple(f for f in self._judged if f.detectable is None)

    @property
    def _judged(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.p is not None and f.trial != EVERYWHERE)


def compare(first: Side, second: Side, limits: Limits) -> Comparison:
    """Trial by trial: what is exact by equality, what is noisy by tests on raw samples, as one family."""
    found = pairs(first, second)
    exact = (finding for pair in found for finding in Exact(pair, limits).findings())
    return Comparison(first, second, limits, found, (*exact, *noisy(found, limits)))
