"""A finding in words: its values in units that suit them, how far it moved, and why it has its mark."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from harness.regressions.comparison import Comparison
from harness.regressions.finding import MARKS, Finding
from harness.regressions.gate import Gate
from harness.schema import Json
from harness.sides import Side
from harness.tables.cells import NONE, number, p_is, scale, significant
from harness.tables.machines import hardware
from harness.wording import counted

SHOWN = 3  # machines, commits or versions of a side that are named
DIGITS = 8  # of a commit


def values(finding: Finding) -> tuple[str, str]:
    """Both values, of numbers in one unit."""
    numbers = [v for v in (finding.first, finding.second) if isinstance(v, int | float) and not isinstance(v, bool)]
    return _value(finding.first, finding, numbers), _value(finding.second, finding, numbers)


def change(finding: Finding) -> str:
    """`+5.1 %`; the difference in points of a share; empty where nothing moved or nothing can be told."""
    first, second = finding.first, finding.second
    if finding.kind == "exact" and finding.unit == "1" and isinstance(first, float) and isinstance(second, float):
        share = max(abs(first), abs(second)) <= 1
        if share and first != second:
            return f"{_signed(100 * (second - first), 3)} points"
    moved = finding.change
    return "" if not moved else f"{_signed(100 * moved, 2)} %"


def reason(finding: Finding) -> str:
    """What there is to say beside the values: p, the note, and how many other trials show the same measurement."""
    told = [p_is(finding.p)] if finding.p is not None and finding.mark in ("+", "-") else []
    told += [finding.note] if finding.note else []
    told += [f"shared by {counted(finding.also, 'other trial')}"] if finding.also else []
    return "; ".join(told)


def unseen(gate: Gate) -> str:
    """What a pass is worth: the smallest worsening that would have been seen, and of how many metrics none would.

    Empty where nothing noisy was judged.
    """
    doubted = len(gate.comparison.doubted)
    told = [_least_seen(gate)] if gate.comparison.unseen else []
    told += [f"would have believed no change of {counted(doubted, 'metric')} with noisy samples"] if doubted else []
    return ", and ".join(told)


def _least_seen(gate: Gate) -> str:
    largest, *others = gate.comparison.unseen
    worst = f"{significant(100 * (largest.detectable or 0.0))} % ({largest.what}, {largest.trial})"
    if not others:
        return f"could not have seen less than {worst}"
    middle = f"{significant(100 * (gate.middle_unseen or 0.0))} % in the median of {len(others) + 1} noisy metrics"
    return f"could not have seen less than {middle}, {worst} at worst"


def counts(comparison: Comparison) -> str:
    """`1242 equal, 76 no sure difference, 61 unknown`."""
    found = comparison.counts()
    return ", ".join(f"{number} {MARKS[mark]}" for mark, number in found.items()) or "no trial in common"


def unknown(findings: Iterable[Finding]) -> Iterator[str]:
    """Unknown findings, those with one reason together."""
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.note, []).append(finding)
    for note, own in groups.items():
        example = own[0].trial if len(own) == 1 else f"{len(own)} findings, the first of {own[0].trial}"
        yield f"{_listed(finding.what for finding in own)} ({example}): {note}"


def described(side: Side) -> str:
    """What a side is made of: trials, runs, machines, commits and the version of torch."""
    trials = {record.trial.digest for record in side.records}
    told = [counted(len(trials), "trial"), counted(len(side.records), "run")]
    told += [_listed(hardware(r.environment) if r.environment else "unknown machine" for r in side.records)]
    commits = (str(r.environment.harness.get("commit") or "unknown")[:DIGITS] for r in side.records if r.environment)
    told += [f"commit {_listed(commits)}"]
    told += [f"torch {_listed(r.environment.versions.get('torch', 'unknown') for r in side.records if r.environment)}"]
    return ", ".join(told) if side.records else "no run"


def _listed(words: Iterable[str]) -> str:
    found = list(dict.fromkeys(words))
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return " / ".join(found[:SHOWN]) + more or "unknown"


def _signed(value: float, digits: int) -> str:
    text = number(value, digits)
    return text if value < 0 else f"+{text}"


def _value(value: Json, finding: Finding, numbers: list[float]) -> str:
    if value is None:
        return NONE
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value) or "none"
    if finding.kind == "exact":
        return number(value, 0) if float(value).is_integer() else f"{value:.6g}"
    if not finding.unit:
        return significant(value, 4)
    unit = scale(numbers, finding.unit)
    return f"{significant(unit.of(value), 4)} {unit.unit}"
