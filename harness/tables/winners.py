"""Which criterion of a column may be set in bold: one that a test finds better than every other of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from math import comb, sqrt

import pandas as pd

from harness.distributions import t_tail
from harness.stats import holm, sign_flips, spread
from harness.tables.cells import p_value
from harness.tables.panels import Panel

LEVEL = 0.05
MOST_FLIPPED = 100  # networks; of more, flipping signs takes long and says what a t test does
HOW = "sign-flip tests over networks{}, all pairs of a column adjusted by Holm's method, 5 %"


@dataclass(frozen=True)
class Winners:
    """The criterion in bold by the place of its level, and what bold means, or why there is none."""

    by_level: Mapping[int, str]
    note: str = ""


def winners(panel: Panel) -> Winners:
    """The best mean of each level, where it is better than each other; nothing is said of a single network."""
    if len(panel.criteria) < 2 or panel.networks < 2:
        return Winners({})
    tables = [_table(panel, level) for level in panel.levels]
    found = {place: name for place, table in enumerate(tables) if (name := _winner(table))}
    how = HOW.format(f" (t tests over more than {MOST_FLIPPED})" if panel.networks > MOST_FLIPPED else "")
    if found:
        return Winners(found, f"Bold: better than every other criterion of its column ({how}).")
    paired = [table for table in tables if len(table.columns) > 1]
    if not paired:
        return Winners({})
    reachable = min(map(_reachable, paired))
    cannot = f": with {panel.networks} networks no p below {p_value(reachable)} is within reach"
    return Winners({}, f"None is bold: none is better than every other ({how}{cannot if reachable > LEVEL else ''}).")


def _table(panel: Panel, level: float) -> pd.DataFrame:
    """A row per network, a column per criterion that was measured at this level; more is better."""
    wide = panel.quality.sign * panel.per_unit(panel.quality.column)
    return pd.DataFrame({name: wide[name, level] for name in panel.criteria}).dropna(axis=1, how="all")


def _winner(table: pd.DataFrame) -> str | None:
    """The criterion that wins all its pairs after correction."""
    names = [str(name) for name in table.columns]
    if len(names) < 2 or _reachable(table) > LEVEL:
        return None
    best = str(table.mean().idxmax())
    leads = [table[best] - table[other] for other in names if other != best]
    own = [_p(lead) if lead.mean() > 0 else 1.0 for lead in leads]
    if max(own) > LEVEL:
        return None  # no correction makes a p smaller
    if max(own) * comb(len(names), 2) <= LEVEL:
        return best  # nor is Holm's ever larger than this
    rest = [_p(table[a] - table[b]) for a, b in combinations(names, 2) if best not in (a, b)]
    return best if max(holm([*own, *rest])[: len(own)]) <= LEVEL else None


def _p(differences: pd.Series) -> float:
    """That paired differences are nothing but chance; 1 where there are none."""
    values = [float(value) for value in differences.dropna()]
    if not values:
        return 1.0
    if len(values) > MOST_FLIPPED and len(set(values)) > 1:
        error = (spread(values) or 0.0) / sqrt(len(values))
        return 2 * t_tail(abs(sum(values) / len(values)) / error, len(values) - 1)
    return sign_flips(values).p


def _reachable(table: pd.DataFrame) -> float:
    """The smallest adjusted p of any pair, had all networks that have both differed one way."""
    return min(1.0, comb(len(table.columns), 2) * 2.0 ** (1 - len(table.dropna(how="all"))))
