"""Targets beside each other where they save the same: at equal budgets, and at nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from harness.tables.cells import NONE, percent
from harness.tables.marks import mark
from harness.tables.panels import COST, KEY, Panel, with_values
from harness.tables.shares import share
from harness.tables.summaries import doubts, measured_structures
from harness.tables.table import Table

SAVED = {"macs": "macs_saved", "params": "params_saved", "latency": "speedup"}


def beside(panels: Sequence[Panel]) -> tuple[list[Panel], ...]:
    """The groups of panels that differ in their target alone and were asked for shares of one cost."""
    groups: dict[tuple[str, ...], list[Panel]] = {}
    for panel in panels:
        if panel.cost:
            groups.setdefault(tuple(panel.key[name] for name in KEY if name != "target"), []).append(panel)
    return tuple(members for members in groups.values() if len(members) > 1)


def target_tables(panels: Sequence[Panel]) -> tuple[Table, ...]:
    """One table for each group of targets that may be compared."""
    return tuple(map(_table, beside(panels)))


def _table(members: Sequence[Panel]) -> Table:
    first, column = members[0], SAVED[members[0].key[COST]]
    everything = pd.concat([measured_structures(panel.candidates) for panel in members], ignore_index=True)
    levels = sorted({level for panel in members for level in panel.levels})
    rows = [_row(panel, criterion, levels) for panel in members for criterion in panel.criteria]
    notes = (
        f"Test {first.quality.word}{first.quality.in_unit}, mean and standard deviation over networks, where each "
        f"target gives up the share of the {first.cost} that was asked for, as nearly as its sets can; in parentheses "
        "what was saved. Targets are compared at equal budgets only: as many sublayers of another kind are another "
        "cost.",
        *doubts(everything, [column]),
    )
    header = ("target, criterion", *map(first.amount, levels))
    title = f"Targets at equal budgets ({first.cost}): {first.setting}"
    return Table(f"targets-{first.key[COST]}-{_slug(first)}", title, header, tuple(rows), notes)


def _slug(panel: Panel) -> str:
    return panel.slug.replace(f"{panel.key['target']}-", "").replace(f"-{panel.key['target']}", "")


def _row(panel: Panel, criterion: str, levels: Sequence[float]) -> tuple[str, ...]:
    return (f"{panel.key['target']}, {criterion}", *(_cell(panel, criterion, level) for level in levels))


def _cell(panel: Panel, criterion: str, level: float) -> str:
    if level not in panel.levels:
        return NONE
    rows = panel.trials(criterion, level)
    column = panel.quality.column
    return share(rows, column) + _reached(panel, rows) if len(with_values(rows, column)) else NONE


def _reached(panel: Panel, rows: pd.DataFrame) -> str:
    """The share of the cost that was saved, mean over trials; empty where it is not known."""
    column = SAVED[panel.key[COST]]
    held = with_values(rows, column)
    if not len(held):
        return ""
    found = held[column]
    saved = float((1 - 1 / found).mean() if column == "speedup" else found.mean())
    return f" ({percent(saved)}{mark(held, column)})"
