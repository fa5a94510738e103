"""What came of running a record again: its exit code, in words, and as JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.cli.exits import FAILED, FINE, NOTHING
from harness.equivalence import ALPHA
from harness.records import Record
from harness.repetition.comparison import Comparison
from harness.repetition.finding import Finding
from harness.schema import Json

WIDTH = 98
COLUMNS = (13, 39, 23, 23)  # verdict, what, recorded, here
INDENT = " " * COLUMNS[0]
DIGITS = 6  # of a noisy value
WORDS = {FINE: "reproduced", FAILED: "different", NOTHING: "nothing could be compared"}


@dataclass(frozen=True)
class Reproduced:
    """Both records, their comparison, and what else is known to be otherwise here."""

    old: Record
    new: Record
    comparison: Comparison
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """Nothing compared comes before a difference: that a run fails here says nothing of what it would find."""
        if self.comparison.is_empty:
            return NOTHING
        return FAILED if self.comparison.differs else FINE


def as_json(found: Reproduced) -> dict[str, Json]:
    """All of it, for scripts; values are base units, intervals are of the ratio here / recorded."""
    comparison = found.comparison
    return {
        "trial": found.old.trial.id,
        "study": found.old.trial.study,
        "runs": {"recorded": found.old.run.id, "here": found.new.run.id},
        "verdict": WORDS[found.exit_code],
        "exit_code": found.exit_code,
        "margin": comparison.margin,
        "alpha": ALPHA,
        "counts": {str(verdict): number for verdict, number in comparison.counts().items()},
        "raw_not_compared_because": comparison.apart,
        "findings": [asdict(finding) for finding in comparison.findings],
        "environment": [asdict(change) for change in comparison.changes],
        "notes": [*found.notes],
    }


def as_text(found: Reproduced, keep: Path | None) -> str:
    """A table of at most `WIDTH` columns, as far as names allow; `keep` is where the new results are kept."""
    old, new = found.old, found.new
    lines = [
        old.trial.id,
        f"recorded: run {old.run.id}, {old.run.finished}",
        f"here:     run {new.run.id}, {f'kept in {keep}' if keep else 'not kept (--keep DIR keeps it)'}",
        "",
        _row("verdict", "what", "recorded", "here"),
        _row(*("-" * (width - 1) for width in COLUMNS)),
    ]
    for finding in found.comparison.findings:
        lines += _finding(finding)
    lines += ["", *_environment(found), "", *_closing(found)]
    return "\n".join(line.rstrip() for line in lines)


def _finding(finding: Finding) -> Iterator[str]:
    digits = DIGITS if finding.kind == "noisy" else None
    here = "the same" if finding.verdict == "equal" else _shown(finding.here, digits)
    yield from _cells(finding.verdict, finding.what, _shown(finding.recorded, digits), here)
    yield from _wrapped(finding.note, INDENT)


def _cells(first: str, what: str, recorded: str, here: str) -> Iterator[str]:
    """One line, or several where a cell is wider than its column: then each value has its own."""
    wide = len(what) >= COLUMNS[1] or len(recorded) >= COLUMNS[2] or len(here) >= COLUMNS[3]
    if not wide:
        yield _row(first, what, recorded, here)
        return
    yield from _wrapped(what, first.ljust(COLUMNS[0]), INDENT)
    for name, text in (("recorded:", recorded), ("here:", here)):
        yield from _wrapped(text, f"{INDENT}{name:<10}", INDENT + " " * 10)


def _row(*cells: str) -> str:
    return "".join(cell.ljust(width) for cell, width in zip(cells, COLUMNS, strict=True))


def _wrapped(text: str, first: str, rest: str | None = None) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=first if rest is None else rest)


def _shown(value: Json, digits: int | None = None) -> str:
    """A value as it is: every digit of a float that tells it from its neighbours, unless `digits` says how many."""
    if value is None:
        return "-"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, float):
        whole = value.is_integer() and abs(value) < 2**53
        return str(int(value)) if whole else repr(value) if digits is None else f"{value:.{digits}g}"
    return str(value)


def _environment(found: Reproduced) -> Iterator[str]:
    changes = found.comparison.changes
    if found.old.environment is None or found.new.environment is None:
        which = "the record's run" if found.old.environment is None else "the run here"
        yield f"environment: {which} ended before it was known"
    elif not changes:
        yield "environment: the same commit, versions, machine, device, threads and variables"
    else:
        yield "environment:"
        for change in changes:
            yield from _cells("changed", change.what, _shown(change.recorded), _shown(change.here))
    for note in found.notes:
        yield from _wrapped(f"note: {note}", "", "  ")


def _closing(found: Reproduced) -> Iterator[str]:
    comparison = found.comparison
    counts = ", ".join(f"{number} {verdict}" for verdict, number in comparison.counts().items()) or "no parts"
    yield from _wrapped(f"{WORDS[found.exit_code]}: {counts}", "", "  ")
    if any(m.kind == "noisy" for m in found.old.measurements):
        margin = f"{comparison.margin:.1%}".replace(".0%", "%")
        yield f"noisy values are equivalent within a margin of {margin}, each tested at {ALPHA:.0%}"
        if comparison.apart:
            yield from _wrapped(f"raw times, memory and energy were not compared: {comparison.apart}", "", "  ")
    if comparison.is_cut_short and found.new.failure is not None:
        yield from _wrapped(f"the run here failed: {found.new.failure.message}", "", "  ")
