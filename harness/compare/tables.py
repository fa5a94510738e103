"""Findings as tables for readers: what is worse, better, unknown, and every one of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.compare.hardware import Duel
from harness.compare.words import change, described, reason, values
from harness.regressions.comparison import Comparison
from harness.regressions.finding import MARKS, Finding, Mark
from harness.tables.cells import number
from harness.tables.table import Table

HEADER = ("", "trial", "what", "first", "second", "change", "note")
TITLES: dict[Mark, str] = {"-": "Worse", "+": "Better", "?": "Unknown", "~": "No sure difference", "=": "Equal"}
ORDER: tuple[Mark, ...] = ("-", "+", "?", "~", "=")
MOST = 2_000  # rows of a table; JSON has them all


def by_mark(found: Comparison, *marks: Mark, most: int = MOST) -> Iterator[Table]:
    """One table for each mark that there is, the worst first."""
    for mark in marks or ORDER:
        if own := found.marked(mark):
            yield finding_table(TITLES[mark], own, most)


def finding_table(title: str, findings: Sequence[Finding], most: int = MOST) -> Table:
    """One row for each finding, up to so many."""
    rows = tuple(_row(finding) for finding in findings[:most])
    notes = (f"Shown are {most} of {len(findings)}; --json has them all.",) if len(findings) > most else ()
    return Table(title.lower().replace(" ", "-"), f"{title}: {len(findings)}", HEADER, rows, notes, is_numeric=False)


def side_table(found: Sequence[Comparison]) -> Table:
    """What each side is made of."""
    rows = [("first", found[0].first.label, described(found[0].first))]
    rows += [(_nth(n, len(found)), one.second.label, described(one.second)) for n, one in enumerate(found, start=2)]
    return Table("sides", "Sides", ("", "side", "made of"), tuple(rows), is_numeric=False)


def duel_table(duels: Sequence[Duel]) -> Table | None:
    """Two targets on each machine, metric by metric; None where no machine removed two."""
    rows = tuple(
        (
            duel.machine,
            duel.metric,
            *(f"{name}: {number(gain, 2)}" for name, gain in zip(duel.targets, duel.gains, strict=True)),
            f"{duel.wins[0]} : {duel.wins[1]} of {duel.settings}",
            duel.winner or "not sure",
        )
        for duel in duels
    )
    header = ("machine", "metric", "median gain of one", "of the other", "for sure in", "cheaper removal")
    notes = ("Gains over each machine's own baseline; settings are of equal model, runtime and amount.",)
    return Table("targets", "Targets by machine", header, rows, notes, is_numeric=False) if rows else None


def rules(found: Comparison) -> str:
    """When a difference counts here, in one sentence."""
    limits = found.limits
    return (
        "Exact metrics are compared by equality; between machine classes outcomes may differ by "
        f"{100 * limits.tolerance:g} %. A noisy metric counts as moved if ranks and run-to-run variation are sure at "
        f"{100 * limits.level:g} % over the whole comparison (Holm), and it moved by more than "
        f"{100 * limits.effect:g} %."
    )


def legend() -> str:
    """What the marks mean."""
    return ", ".join(f"{mark} {word}" for mark, word in MARKS.items())


def _nth(number: int, sides: int) -> str:
    return "second" if sides == 1 else f"{number}."


def _row(finding: Finding) -> tuple[str, ...]:
    return finding.mark, finding.trial, finding.what, *values(finding), change(finding), reason(finding)
