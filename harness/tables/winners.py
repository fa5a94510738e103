"""Which criterion of a column may be set in bold: one that a test finds better than every other of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from harness.stats import Paired, holm, paired
from harness.tables.cells import p_value
from harness.tables.columns import OUTCOME
from harness.tables.panels import Panel

LEVEL = 0.05
HOW = "sign-flip tests over networks, all pairs of a column adjusted by Holm's method, 5 %"
Pair = tuple[str, str]


@dataclass(frozen=True)
class Winners:
    """The criterion in bold by the place of its level, and what bold means, or why there is none."""

    by_level: Mapping[int, str]
    note: str = ""


def winners(panel: Panel, column: str = OUTCOME) -> Winners:
    """The best mean of each level, where it is better than each other; nothing is said of a single network."""
    if len(panel.criteria) < 2 or panel.networks < 2:
        return Winners({})
    pairs = {level: _pairs(panel, column, level) for level in panel.levels}
    found = {place: name for place, level in enumerate(panel.levels) if (name := _winner(pairs[level]))}
    if found:
        return Winners(found, f"Bold: better than every other criterion of its column ({HOW}).")
    reachable = min((_reachable(own) for own in pairs.values() if own), default=1.0)
    cannot = f": with {panel.networks} networks no p below {p_value(reachable)} is within reach"
    return Winners({}, f"None is bold: none is better than every other ({HOW}{cannot if reachable > LEVEL else ''}).")


def _pairs(panel: Panel, column: str, level: float) -> dict[Pair, Paired]:
    """First less second for each two criteria that share networks."""
    wide = panel.per_unit(column)
    found = {}
    for pair in combinations(panel.criteria, 2):
        differences = (wide[pair[0], level] - wide[pair[1], level]).dropna()
        if len(differences):
            found[pair] = paired([float(value) for value in differences])
    return found


def _winner(pairs: Mapping[Pair, Paired]) -> str | None:
    """The criterion that wins every one of its pairs after correction, if there is one."""
    names = list(dict.fromkeys(name for pair in pairs for name in pair))
    adjusted = dict(zip(pairs, holm([one.flips.p for one in pairs.values()]), strict=True))
    return next((name for name in names if _wins_all(name, names, pairs, adjusted)), None)


def _wins_all(name: str, names: Sequence[str], pairs: Mapping[Pair, Paired], adjusted: Mapping[Pair, float]) -> bool:
    own = [pair for pair in pairs if name in pair]
    if len(own) < len(names) - 1:
        return False
    return all(adjusted[pair] <= LEVEL and (pairs[pair].mean > 0) == (pair[0] == name) for pair in own)


def _reachable(pairs: Mapping[Pair, Paired]) -> float:
    """The smallest adjusted p of any, had the networks that differ all differed one way."""
    return min(1.0, len(pairs) * min(one.flips.smallest_p for one in pairs.values()))
