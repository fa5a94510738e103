"""What a removal costs on corrupted images: the drop against the baseline, by corruption and severity."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from harness.tables.cells import NONE, points
from harness.tables.columns import OUTCOME, OUTCOME_WORD, conditions_of
from harness.tables.derived import CORRUPTED
from harness.tables.panels import UNIT, Panel, with_values
from harness.tables.shares import WILSON, share
from harness.tables.table import Table

MOST_ROWS = 40
Grid = dict[str, dict[int, str]]  # by corruption and severity: the column of its accuracy


def robustness_table(panel: Panel, named: Sequence[str] = ()) -> Table | None:
    """At the middle amount, a row per criterion and corruption, a column per severity; None where none was measured.

    Of more rows than a reader looks at, those of the criteria that are `named`.
    """
    grid = _grid(panel)
    if not grid:
        return None
    severities = sorted({severity for held in grid.values() for severity in held})
    rows = panel.at(panel.middle)
    criteria = _shown(panel, named, len(grid))
    cells = [
        (f"baseline (accuracy), {_word(corruption)}", *_accuracies(panel.baselines, held, severities))
        for corruption, held in grid.items()
    ]
    cells += [
        (f"{criterion}, {_word(corruption)}", *_drops(panel, rows[rows["criterion"] == criterion], held, severities))
        for criterion in criteria
        for corruption, held in grid.items()
    ]
    notes = [
        f"First the baseline's test {OUTCOME_WORD} in per cent, then the points that each criterion loses against it "
        f"with {panel.amount(panel.middle)} removed, both on items corrupted alike; {panel.spread}.",
    ]
    notes += [WILSON] if any("[" in cell for row in cells for cell in row[1:]) else []
    if len(criteria) < len(panel.criteria):
        notes.append(f"Shown are {len(criteria)} of {len(panel.criteria)} criteria; trials.csv holds all.")
    notes += [panel.note] if panel.note else []
    header = ("criterion, corruption", "as they are", *(f"severity {severity}" for severity in severities))
    title = f"Drop on corrupted images: {panel.label}"
    return Table(f"robustness-{panel.slug}", title, header, tuple(cells), tuple(notes))


def _grid(panel: Panel) -> Grid:
    found: Grid = {}
    for name in map(str, panel.candidates.columns):
        at = conditions_of(name) if name.startswith(f"{OUTCOME}@") else {}
        if at.keys() == CORRUPTED and len(with_values(panel.candidates, name)):
            found.setdefault(at["corruption"], {}).setdefault(int(at["severity"]), name)
    return found


def _shown(panel: Panel, named: Sequence[str], corruptions: int) -> list[str]:
    if len(panel.criteria) * corruptions <= MOST_ROWS:
        return list(panel.criteria)
    first = [criterion for criterion in panel.criteria if criterion in named]
    rest = [criterion for criterion in panel.criteria if criterion not in named]
    return (first or rest)[: max(1, MOST_ROWS // corruptions)]


def _accuracies(baselines: pd.DataFrame, held: dict[int, str], severities: Sequence[int]) -> list[str]:
    columns = [OUTCOME, *(held.get(severity) for severity in severities)]
    return [NONE if column is None else share(baselines, column) for column in columns]


def _drops(panel: Panel, rows: pd.DataFrame, held: dict[int, str], severities: Sequence[int]) -> list[str]:
    columns = [OUTCOME, *(held.get(severity) for severity in severities)]
    return [NONE if column is None else points(drops(panel.baselines, rows, column)) for column in columns]


def drops(baselines: pd.DataFrame, rows: pd.DataFrame, column: str) -> list[float]:
    """The baseline's share minus that of the rows, one mean per network that has both."""
    before, after = (with_values(part, column).groupby(UNIT)[column].mean() for part in (baselines, rows))
    return [float(value) for value in (before - after).dropna()]


def _word(corruption: str) -> str:
    return corruption.replace("_", " ")
