"""What the weights of each trial achieve beyond top-1: top-5, calibration, other test sets, another arithmetic."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from harness.runtimes import OF_OUTCOMES
from harness.tables.cells import number
from harness.tables.columns import OUTCOME, OUTCOME_WORD, companion, conditions_of
from harness.tables.cutting import across_runtimes, of_outcomes
from harness.tables.panels import LEVEL, Panel, with_values
from harness.tables.shares import WILSON, share
from harness.tables.table import Table

WORDS = {
    OUTCOME: OUTCOME_WORD,
    "top5": "top-5",
    "ece": "ECE",
    "perplexity": "perplexity",
    "bits_per_byte": "bits per byte",
}
TEST_SET = "_test:"  # between a metric and the name of a test set that is not the data's own
MOST_ROWS = 24
BRACKET = "["


def outcome_table(panel: Panel) -> Table | None:
    """A row per criterion and amount, a column per metric and test set; None where there is nothing but top-1.

    Of more rows than a reader looks at, those of the middle amount.
    """
    columns = _columns(panel)
    if len(columns) < 2:
        return None
    levels = panel.levels if len(panel.levels) * len(panel.criteria) < MOST_ROWS else (panel.middle,)
    rows = [("none (baseline)", *(share(panel.baselines, name) for name in columns))]
    for criterion in panel.criteria:
        for level in levels:
            own = panel.trials(criterion, level)
            rows.append((f"{criterion}, {panel.amount(level)}", *(share(own, name) for name in columns)))
    notes = [f"{'In per cent, on test items' if panel.quality.unit else 'On test text'}; {panel.spread}."]
    if "ece" in columns:
        notes.append("ECE: expected calibration error, how far confidence is from accuracy; lower is better.")
    notes += [WILSON] if any(BRACKET in cell for row in rows for cell in row[1:]) else []
    if len(levels) < len(panel.levels):
        notes.append(f"Shown is {panel.amount(panel.middle)}; trials.csv holds every amount.")
    notes += [panel.note] if panel.note else []
    header = ("criterion, removed", *map(_heading, columns))
    return Table(f"outcomes-{panel.slug}", f"Test outcomes: {panel.label}", header, tuple(rows), tuple(notes))


def _columns(panel: Panel) -> list[str]:
    """Bare columns with values: the data's own test split first, then the other test sets."""
    everything = pd.concat([panel.baselines, panel.candidates], ignore_index=True)
    own = [name for name in WORDS if len(with_values(everything, name))]
    starts = tuple(f"{metric}{TEST_SET}" for metric in WORDS)
    names = [str(name) for name in everything.columns if str(name).startswith(starts) and "@" not in str(name)]
    others = [name for name in names if companion(name) is None or name.rpartition("_")[0] not in names]
    sets = dict.fromkeys(name.partition(TEST_SET)[2] for name in others)
    named = [f"{metric}{TEST_SET}{one}" for one in sets for metric in WORDS]
    return own + [name for name in named if len(with_values(everything, name))]


def _heading(column: str) -> str:
    metric, _, name = column.partition(TEST_SET)
    return f"{WORDS[metric]}, {name}" if name else WORDS[metric]


def arithmetic_tables(panels: Sequence[Panel]) -> tuple[Table, ...]:
    """For each family of panels whose runtimes change outputs: their accuracy beside that of plain fp32."""
    pairs = zip(across_runtimes(panels), of_outcomes(panels), strict=True)
    found = (_arithmetic(members, named) for members, named in pairs)
    return tuple(table for table in found if table is not None)


def _arithmetic(members: Sequence[Panel], named: Panel) -> Table | None:
    # Runtimes that share an arithmetic share its outcomes; the one with most of them speaks for all.
    ordered = sorted(members, key=lambda panel: len(panel.candidates))
    held = {name: panel for panel in ordered for name in _other_arithmetic(panel)}
    if not held:
        return None
    rows: list[tuple[str, ...]] = []
    for name, plain in (("none (baseline)", named.baselines), *((c, _trials(named, c)) for c in named.criteria)):
        rows.append((f"{name}, fp32", *_by_level(named, plain, OUTCOME)))
        for column, panel in held.items():
            own = panel.baselines if plain is named.baselines else _trials(panel, name)
            rows.append((f"{name}, {_arithmetic_word(column)}", *_by_level(named, own, column)))
    notes = (
        f"Test {OUTCOME_WORD} in per cent, in the arithmetic that was timed beside that of plain fp32, which every "
        f"other table shows; {named.spread}.",
        *(f"{_arithmetic_word(column)}: {_moved(panel, column)}." for column, panel in held.items()),
        *((WILSON,) if any(BRACKET in cell for row in rows for cell in row[1:]) else ()),
        *((named.note,) if named.note else ()),
    )
    header = ("criterion, arithmetic", *map(named.amount, named.levels))
    title = f"Accuracy in the timed arithmetic: {named.label}"
    return Table(f"arithmetic-{named.slug}", title, header, tuple(rows), notes)


def _other_arithmetic(panel: Panel) -> list[str]:
    """Columns of top-1 that say in which arithmetic, and nothing else."""
    names = (str(name) for name in panel.candidates.columns if str(name).startswith(f"{OUTCOME}@"))
    return [n for n in names if set(conditions_of(n)) <= set(OF_OUTCOMES) and len(with_values(panel.candidates, n))]


def _arithmetic_word(column: str) -> str:
    return ", ".join(key if value == "True" else value for key, value in sorted(conditions_of(column).items()))


def _moved(panel: Panel, column: str) -> str:
    """How far single checkpoints moved from plain fp32."""
    rows = pd.concat([panel.baselines, panel.candidates], ignore_index=True)
    held = with_values(with_values(rows, column), OUTCOME)
    if not len(held):
        return "no checkpoint has both"
    moved = 100 * (held[column] - held[OUTCOME])
    return f"single checkpoints move by {number(float(moved.min()), 2)} to {number(float(moved.max()), 2)} points"


def _by_level(panel: Panel, rows: pd.DataFrame, column: str) -> tuple[str, ...]:
    """A cell for each amount; a baseline is the same at all of them."""
    if rows["criterion"].isna().all():
        return (share(rows, column),) * len(panel.levels)
    return tuple(share(rows[rows[LEVEL] == level], column) for level in panel.levels)


def _trials(panel: Panel, criterion: str) -> pd.DataFrame:
    return panel.candidates[panel.candidates["criterion"] == criterion]
