"""Tables as files: for a paper, to read, and with unrounded numbers to compute with."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.tables.cells import NONE, Printed
from harness.tables.marks import MARKS, OUT_OF_MEMORY
from harness.tables.table import Table, latex, markdown

PARTS = {"value": "", "sd": "standard deviation", "low": "low", "high": "high"}


def write_tables(tables: Sequence[Table], folder: Path) -> None:
    """Every table as LaTeX, Markdown and CSV."""
    for table in tables:
        for ending, text in (("tex", latex(table)), ("md", markdown(table)), ("csv", csv_of(table))):
            (folder / f"{table.name}.{ending}").write_text(text, encoding="utf-8")


def csv_of(table: Table) -> str:
    """The rows of a table with its numbers unrounded, in the units of print, each part of a cell in its own column.

    A column of words stays as it is; what is in doubt about a number has a column beside it.
    """
    columns = [
        column for place, name in enumerate(table.header) for column in _columns(name, [r[place] for r in table.rows])
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([name for name, _ in columns])
    writer.writerows(zip(*(cells for _, cells in columns), strict=True))
    return text.getvalue()


def _columns(name: str, cells: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    numbers = [cell for cell in cells if isinstance(cell, Printed)]
    if not numbers:
        yield name, ["" if cell == NONE else cell for cell in cells]
        return
    unit = f" ({unit})" if (unit := numbers[0].unit) and f"({unit})" not in name else ""
    for part, word in PARTS.items():
        if any(part in cell.raw for cell in numbers):
            yield f"{name}{f', {word}' if word else ''}{unit}", [_raw(cell, part) for cell in cells]
    doubts = [_doubt(cell) for cell in cells]
    if any(doubts):
        yield f"{name}, note", doubts


def _raw(cell: str, part: str) -> str:
    found = cell.raw.get(part) if isinstance(cell, Printed) else None
    return "" if found is None else repr(found)


def _doubt(cell: str) -> str:
    """What a mark behind a number says, and the words of a cell that has none."""
    if not isinstance(cell, Printed):
        return "" if cell == NONE else cell
    told = [word for word, mark in MARKS.items() if mark in cell]
    return "; ".join([*told, *([OUT_OF_MEMORY] if OUT_OF_MEMORY in cell else [])])
