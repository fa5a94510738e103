"""How sure selections are: agreement with themselves on fewer items, and with each other; scores with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from harness.rankings import mean_interval, tau
from harness.stats import Interval, spread
from harness.tables.cells import NONE, Printed, between, number, percent, plus_minus, significant
from harness.tables.panels import Panel
from harness.tables.placing import natural
from harness.tables.selections import Selected, by_criterion, mean_at, number_at, over_networks, sizes_of
from harness.tables.table import Table

Agreement = dict[tuple[str, str], list[float]]


def stability_table(panel: Panel, found: Sequence[Selected]) -> Table | None:
    """Kendall's tau and top-k overlap by number of calibration items; None where nothing was scored again."""
    held = {name: own for name, chosen in by_criterion(found).items() if (own := [s for s in chosen if s.stability])}
    if not held:
        return None
    rows = [_stability_row(name, size, own) for name, own in held.items() for size in sizes_of(own)]
    subsets = {number_at(s.stability, "subsets") for own in held.values() for s in own}
    tops = {number_at(s.stability, "top") for own in held.values() for s in own}
    notes = (
        f"Each selection was made again on {_numbers(subsets)} subsets of the calibration items. Kendall's tau-b is "
        "between the ranking of all items and that of a subset; the interval holds 95 % of the subsets; all are means "
        f"over networks. Overlap: share of the {_numbers(tops)} units that go first which are the same. Unsettled: "
        "units whose place among those that go first, or beside their neighbour, changes with the items (of the "
        "largest subsets).",
    )
    header = ("criterion", "items", "tau", "95 % of subsets", "overlap", "unsettled units")
    return Table(f"stability-{panel.slug}", f"How sure selections are: {panel.label}", header, tuple(rows), notes)


def _stability_row(name: str, size: str, own: Sequence[Selected]) -> tuple[str, ...]:
    tau_, low, high, overlap = (mean_at(own, "sizes", size, what) for what in ("tau", "low", "high", "overlap"))
    settled = over_networks((s.unit, float(len(s.unsettled))) for s in own)
    last = size == tuple(sizes_of(own))[-1]
    return (
        name,
        size,
        number(tau_, 2),
        NONE if low is None or high is None else between(Interval(low, high), digits=2),
        percent(overlap, 0),
        number(float(np.mean(settled))) if last else NONE,
    )


def score_table(panel: Panel, found: Sequence[Selected]) -> Table | None:
    """Every unit's score with its interval over calibration subsets; None without stability."""
    held = {name: own for name, chosen in by_criterion(found).items() if (own := [s for s in chosen if _scores(s)])}
    names = sorted({unit for own in held.values() for s in own for unit in _scores(s)}, key=natural)
    if not names:
        return None
    rows = tuple((unit, *(_score(unit, own) for own in held.values())) for unit in names)
    notes = (
        "Mean score over subsets of the calibration items, with the interval that holds 95 % of them (of the largest "
        "subsets); means over networks. The lowest goes first. Unsettled in at least one network: *.",
    )
    header = ("unit", *held)
    return Table(f"scores-{panel.slug}", f"Scores with their intervals: {panel.label}", header, rows, notes)


def _scores(one: Selected) -> dict[str, object]:
    found = (one.stability or {}).get("scores")
    return dict(found) if isinstance(found, dict) else {}


def _score(unit: str, own: Sequence[Selected]) -> str:
    middle, low, high = (mean_at(own, "scores", unit, what) for what in ("mean", "low", "high"))
    if middle is None or low is None or high is None:
        return NONE
    mark = "*" if any(unit in s.unsettled for s in own) else ""
    text = f"{significant(middle)} [{significant(low)}, {significant(high)}]{mark}"
    return Printed(text, {"value": middle, "low": low, "high": high})


def agreement(found: Sequence[Selected]) -> Agreement:
    """Kendall's tau-b between the rankings of each pair of criteria, one value per network; random ones left out."""
    by_unit: dict[str, dict[str, Selected]] = {}
    for one in found:
        if one.draw is None and one.ranks:
            by_unit.setdefault(one.unit, {}).setdefault(one.criterion, one)
    pairs: Agreement = {}
    for chosen in by_unit.values():
        for first, second in combinations(chosen, 2):
            mine, other = chosen[first].ranks, chosen[second].ranks
            if mine.keys() != other.keys():
                continue
            value = tau(list(mine.values()), [other[name] for name in mine])
            if value is not None:
                pairs.setdefault((first, second), []).append(value)
    return pairs


def agreement_table(panel: Panel, pairs: Agreement) -> Table | None:
    """The matrix of mean tau, with its deviation over networks; None for fewer than two criteria."""
    if not pairs:
        return None
    names = [name for name in panel.criteria if any(name in pair for pair in pairs)]
    rows = tuple((row, *(_tau_cell(pairs, row, column) for column in names)) for row in names)
    notes = (
        "Kendall's tau-b between the rankings of two criteria: mean ± standard deviation over networks. 1: the same "
        "order, 0: unrelated, −1: reversed. Random choice has no ranking to agree with.",
    )
    title = f"Agreement between criteria: {panel.label}"
    return Table(f"agreement-{panel.slug}", title, ("criterion", *names), rows, notes)


def _tau_cell(pairs: Agreement, row: str, column: str) -> str:
    values = pairs.get((row, column)) or pairs.get((column, row))
    if not values:
        return NONE
    return plus_minus(float(np.mean(values)), spread(values), 2)


def mean_tau(values: Sequence[float]) -> tuple[float, Interval | None]:
    """The mean with a bootstrap interval over networks, where they are enough."""
    found = mean_interval(values)
    return float(np.mean(values)), found and Interval(max(-1.0, found.low), min(1.0, found.high))


def _numbers(values: set[float | None]) -> str:
    return " or ".join(f"{value:g}" for value in sorted(v for v in values if v is not None)) or "several"
