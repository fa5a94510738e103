"""Whether accuracy before recovery tells accuracy after it: rank correlation over equal sets, amount by amount."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.rankings import tau
from harness.tables.cells import NONE, number
from harness.tables.panels import KEY, LEVEL, UNIT, Panel, with_values
from harness.tables.selections import over_networks
from harness.tables.table import Table

FEWEST = 3  # sets; two have only one order or the other
UNTRAINED = "none"
SETS = [UNIT, LEVEL, "removed"]


@dataclass(frozen=True)
class Kept:
    """Mean Kendall's tau between accuracies before and after, by level: one value per network, and sets in each."""

    before: Panel
    after: Panel
    taus: dict[float, list[float]]
    sets: dict[float, float]

    @property
    def mean(self) -> float | None:
        """The mean over levels of means over networks."""
        means = [float(np.mean(values)) for values in self.taus.values() if values]
        return float(np.mean(means)) if means else None


def kept(panels: Sequence[Panel]) -> tuple[Kept, ...]:
    """Every recovery that trains against none, all else equal, where three different sets or more went through both."""
    others = [name for name in KEY if name != "recovery"]
    untrained = {tuple(p.key[n] for n in others): p for p in panels if p.key["recovery"] == UNTRAINED}
    trained = [p for p in panels if p.key["recovery"] != UNTRAINED]
    pairs = [(untrained.get(tuple(p.key[n] for n in others)), p) for p in trained]
    found = [_kept(before, after) for before, after in pairs if before is not None]
    return tuple(one for one in found if any(one.taus.values()))


def _kept(before: Panel, after: Panel) -> Kept:
    # A set that two criteria chose was trained once and counts once; rounded, equal accuracies stay equal in means.
    column = before.quality.column
    means = [with_values(p.candidates, column).groupby(SETS)[column].mean().round(9) for p in (before, after)]
    both = means[0].to_frame("before").join(means[1].to_frame("after"), how="inner").reset_index()
    taus: dict[float, list[float]] = {}
    sets: dict[float, float] = {}
    for level, rows in both.groupby(LEVEL):
        groups = {str(unit): own for unit, own in rows.groupby(UNIT) if len(own) >= FEWEST}
        values = [(unit, tau(list(own["before"]), list(own["after"]))) for unit, own in groups.items()]
        taus[float(str(level))] = over_networks(values)
        sets[float(str(level))] = float(np.mean([len(own) for own in groups.values()])) if groups else 0.0
    return Kept(before, after, taus, sets)


def recovery_tables(found: Sequence[Kept]) -> tuple[Table, ...]:
    """One table for each panel without training: a row per recovery, a column per amount."""
    groups: dict[str, list[Kept]] = {}
    for one in found:
        groups.setdefault(one.before.slug, []).append(one)
    return tuple(_table(members) for members in groups.values())


def _table(members: Sequence[Kept]) -> Table:
    before = members[0].before
    rows = tuple((one.after.key["recovery"], *(_cell(one, level) for level in before.levels)) for one in members)
    notes = (
        f"Kendall's tau-b between test {before.quality.word} of the same removed sets before any training and after "
        "it: mean over networks (different sets per network). Amounts are kept apart: over several, removing more "
        "would order them by itself. 1: what is best before is best after; 0: it says nothing.",
    )
    header = ("recovery", *map(before.amount, before.levels))
    title = f"{before.quality.title} before and after recovery: {before.label}"
    return Table(f"before_after-{before.slug}", title, header, rows, notes)


def _cell(one: Kept, level: float) -> str:
    values = one.taus.get(level)
    return number(float(np.mean(values)), 2) + f" ({number(one.sets[level], 0)} sets)" if values else NONE
