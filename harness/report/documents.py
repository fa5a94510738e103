"""What the tests of single checkpoints of a text say together, in words and as a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.tables.cells import NONE, p_value
from harness.tables.documents import DocumentTest
from harness.tables.panels import Panel
from harness.tables.qualities import BITS
from harness.tables.table import Table
from harness.tables.verdicts import adjustment

MOST_ROWS = 48
HOW = "sign-flip test over the same test documents"


def document_words(tests: Sequence[DocumentTest]) -> str:
    """One paragraph; empty without any."""
    if not tests:
        return ""
    shown = [test for test in tests if test.is_difference]
    gains = [test for test in shown if test.difference < 0]
    head = (
        f"Checkpoint by checkpoint, {len(shown)} of {len(tests)} with something removed differ from their own baseline "
        f"({HOW}, {_documents(tests)}, {adjustment(tests[0].family)})"
    )
    if not shown:
        return f"{head}; that is no proof that they are the same."
    least = BITS.one(min(abs(test.difference) for test in shown))
    better = f", {len(gains)} of them for the better" if gains else ""
    return f"{head}{better}; the smallest difference shown is {least} {BITS.measure}."


def document_table(panels: Sequence[Panel], tests: Sequence[DocumentTest]) -> Table | None:
    """How many checkpoints of each criterion and amount of a panel differ, and by how much; None without any."""
    amounts = {(panel.label, level): panel.amount(level) for panel in panels for level in panel.levels}
    groups: dict[tuple[str, str, float], list[DocumentTest]] = {}
    for test in sorted(tests, key=lambda one: one.level):
        groups.setdefault((test.panel, test.criterion, test.level), []).append(test)
    if not groups:
        return None
    order = {(test.panel, test.criterion): place for place, test in reversed(list(enumerate(tests)))}
    keys = sorted(groups, key=lambda key: (order[key[:2]], key[2]))
    is_placed = len({panel for panel, _, _ in keys}) > 1
    rows = [
        (
            f"{criterion}{f' ({panel})' if is_placed else ''}",
            amounts[panel, level],
            *_cells(groups[panel, criterion, level]),
        )
        for panel, criterion, level in keys
    ]
    notes = [
        f"Bits per byte that a removal adds to the test text of a trained network, {_documents(tests)}; medians over "
        "its checkpoints (networks and draws), with the median ends of their 95 % intervals (paired bootstrap over "
        f"documents, not adjusted). Differ: {HOW}, {adjustment(tests[0].family)}. Each test is of one checkpoint.",
    ]
    if len(rows) > MOST_ROWS:
        notes.append(f"Shown are {MOST_ROWS} of {len(rows)} rows; checkpoint_tests.csv has every test.")
    header = ("removed by", "removed", "differ", "added", "95 % interval", "largest adjusted p")
    return Table(
        "against-baseline", "Checkpoints against their own baseline", header, tuple(rows[:MOST_ROWS]), tuple(notes)
    )


def _cells(own: Sequence[DocumentTest]) -> tuple[str, ...]:
    ends = [test.interval for test in own if test.interval is not None]
    middle = [float(np.median([getattr(one, end) for one in ends])) for end in ("low", "high")] if ends else []
    return (
        f"{sum(test.is_difference for test in own)} of {len(own)}",
        BITS.one(float(np.median([test.difference for test in own]))),
        f"[{', '.join(map(BITS.one, middle))}]" if middle else NONE,
        p_value(max(test.adjusted for test in own)),
    )


def _documents(tests: Sequence[DocumentTest]) -> str:
    sizes = sorted({len(test.added) for test in tests})
    return f"{sizes[0]} documents" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]} documents"
