"""What benchmarks say of networks without some sublayers, question by question: in words and as a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.tables.cells import number, p_value
from harness.tables.exams import FILE, ExamTest
from harness.tables.panels import Panel
from harness.tables.table import Table
from harness.tables.verdicts import adjustment
from harness.wording import counted

MOST_ROWS = 48
HOW = "McNemar's exact test on the same questions"


def exam_words(tests: Sequence[ExamTest]) -> str:
    """One paragraph; empty without any."""
    if not tests:
        return ""
    shown = [one for one in tests if one.test.is_difference]
    gains = sum(one.test.difference > 0 for one in shown)
    exams = len({one.exam for one in tests})
    head = (
        f"On {counted(exams, 'benchmark')} by `lm_eval`, {len(shown)} of {len(tests)} checkpoints' scores with "
        f"something removed differ from their own baseline's ({HOW}, {adjustment(tests[0].test.family)})"
    )
    if not shown:
        return f"{head}; that is no proof that they are the same."
    least = number(100 * min(abs(one.test.difference) for one in shown))
    better = f", {gains} of them for the better" if gains else ""
    return f"{head}{better}; the smallest difference shown is {least} points."


def exam_table(panels: Sequence[Panel], tests: Sequence[ExamTest]) -> Table | None:
    """A row for each exam, criterion and amount; None without any."""
    amounts = {(panel.label, level): panel.amount(level) for panel in panels for level in panel.levels}
    groups: dict[tuple[str, str, str, float], list[ExamTest]] = {}
    for one in tests:
        groups.setdefault((one.exam, one.test.panel, one.test.first, one.test.level), []).append(one)
    if not groups:
        return None
    is_placed = len({panel for _, panel, _, _ in groups}) > 1
    order = {exam: place for place, exam in enumerate(dict.fromkeys(one.exam for one in tests))}
    rows = [
        (exam, f"{criterion}{f' ({panel})' if is_placed else ''}", amounts[panel, level], *_cells(own))
        for (exam, panel, criterion, level), own in sorted(groups.items(), key=lambda entry: order[entry[0][0]])
    ]
    notes = [
        "Questions answered right, in per cent, by networks whole and without some sublayers; medians over checkpoints "
        "(networks and draws), with the median ends of their 95 % intervals (paired bootstrap over questions, not "
        f"adjusted). Differ: {HOW}, {adjustment(tests[0].test.family)}. Each test is of one checkpoint.",
    ]
    if len(rows) > MOST_ROWS:
        notes.append(f"Shown are {MOST_ROWS} of {len(rows)} rows; {FILE} has every test.")
    header = ("benchmark", "removed by", "removed", "whole", "change", "95 % interval", "differ", "largest adjusted p")
    return Table("exams", "Benchmarks against the own baseline", header, tuple(rows[:MOST_ROWS]), tuple(notes))


def _cells(own: Sequence[ExamTest]) -> tuple[str, ...]:
    def middle(values: list[float]) -> str:
        return number(100 * float(np.median(values)))

    ends = [middle([getattr(one.test.interval, end) for one in own]) for end in ("low", "high")]
    return (
        middle([one.score for one in own]),
        middle([one.test.difference for one in own]),
        f"[{', '.join(ends)}]",
        f"{sum(one.test.is_difference for one in own)} of {len(own)}",
        p_value(max(one.test.adjusted for one in own)),
    )
