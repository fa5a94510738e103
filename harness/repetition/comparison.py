"""A record and the record of its repetition, compared in every part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.records import Outcome, Record
from harness.repetition.exact import metric, parts
from harness.repetition.finding import ENDING, VERDICTS, Finding, Verdict, title
from harness.repetition.items import name_of, outcome
from harness.repetition.noisy import noisy
from harness.repetition.surroundings import Change, changes, unlike


@dataclass(frozen=True)
class Comparison:
    """All findings, and what changed around them; `apart` says why raw times were not compared.

    `is_cut_short` where the record's run came to its end and its repetition failed.
    """

    findings: tuple[Finding, ...]
    changes: tuple[Change, ...]
    apart: str | None
    margin: float
    is_cut_short: bool = False

    def counts(self) -> dict[Verdict, int]:
        """How many findings have each verdict, in the order of `VERDICTS`."""
        found = [finding.verdict for finding in self.findings]
        return {verdict: found.count(verdict) for verdict in VERDICTS if verdict in found}

    @property
    def is_empty(self) -> bool:
        """Whether nothing could be compared: that a run failed here says nothing of what it would have found."""
        return all(f.verdict == "not compared" or (f.what == ENDING and self.is_cut_short) for f in self.findings)

    @property
    def differs(self) -> bool:
        return any(finding.verdict == "different" for finding in self.findings)


def compare(old: Record, new: Record, margin: float, unanswered: Mapping[str, str] | None = None) -> Comparison:
    """`new` is a run of the trial of `old`; `margin` is a share, `unanswered` gives reasons by key of a question."""
    reason = unlike(old.environment, new.environment)
    found = [
        *parts(old, new),
        *_measurements(old, new, margin, reason, unanswered or {}),
        *_outcomes(old, new),
    ]
    is_cut_short = old.status == "ok" and new.status != "ok"
    return Comparison(tuple(found), changes(old.environment, new.environment), reason, margin, is_cut_short)


def _measurements(
    old: Record, new: Record, margin: float, reason: str | None, unanswered: Mapping[str, str]
) -> Iterator[Finding]:
    by_key = {m.key: m for m in new.measurements}
    for own in old.measurements:
        other = by_key.get(own.key)
        if other is None:
            why = unanswered.get(own.key) or _absent(new)
            yield Finding(title(own.asked), "not compared", own.value, None, why)
        elif own.kind == "exact":
            yield metric(own, other)
        else:
            yield from noisy(own, other, margin, reason)
    measured = {own.key for own in old.measurements}
    for asked in old.run.asked:
        if asked.key in unanswered and asked.key not in measured:
            yield Finding(title(asked), "not compared", note=unanswered[asked.key])


def _outcomes(old: Record, new: Record) -> Iterator[Finding]:
    by_key = {_key(one): one for one in new.outcomes}
    for own in old.outcomes:
        other = by_key.get(_key(own))
        yield Finding(name_of(own), "not compared", note=_absent(new)) if other is None else outcome(own, other)


def _key(one: Outcome) -> tuple[str | None, str, str]:
    return one.split, one.metric, str(sorted(one.at.items()))


def _absent(new: Record) -> str:
    return "the run here ended before it" if new.status == "failed" else "not measured here"
