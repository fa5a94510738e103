"""Trials brought to points: means and spread over networks of what differs in nothing that is shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from harness.plots.picking import Wish, is_measured
from harness.stats import spread
from harness.tables.cutting import units
from harness.tables.marks import beside, quality, with_word, worst
from harness.tables.summaries import measured_structures

AMOUNTS = ("count", "ratio", "budget")
CONDITIONS = (
    *("model", "data", "target", "criterion", "removal", "recovery", "transform", "runtime", "machine_class"),
    *AMOUNTS,
)
ALL = "all"
DEVIATION, INTERVAL, ONE = "standard deviation over networks", "95 % interval of the one that was measured", "one value"


@dataclass(frozen=True)
class Measured:
    """A mean with the ends of its bar, in base units; `over` says what the bar is."""

    value: float
    low: float
    high: float
    over: str


@dataclass(frozen=True)
class Point:
    """A point of a series; a categorical x is `place`, any other a measured one."""

    series: str
    place: str | None
    x: Measured | None
    y: Measured
    networks: int
    trials: int
    quality: str


@dataclass(frozen=True)
class Grouping:
    """The columns that set points apart, and those that vary within a point, by how many values are averaged."""

    keys: tuple[str, ...]
    averaged: dict[str, int]


def grouping(rows: pd.DataFrame, wish: Wish) -> Grouping:
    """A measured x keeps all conditions apart; else the two named columns do, and the rest is averaged."""
    varying = [name for name in CONDITIONS if rows[name].nunique(dropna=False) > 1]
    named = [name for name in (wish.by, wish.x) if name is not None and not is_measured(name)]
    if is_measured(wish.x):
        return Grouping(tuple(dict.fromkeys((*named, *varying))), {})
    amounts = [name for name in AMOUNTS if name in (*named, *varying)]
    told = {*named, *(amounts if set(named) & set(AMOUNTS) else amounts[1:])}  # all of them say how much, one is enough
    return Grouping(tuple(dict.fromkeys(named)), _averaged(rows, named, [n for n in varying if n not in told]))


def _averaged(rows: pd.DataFrame, keys: Sequence[str], names: Sequence[str]) -> dict[str, int]:
    """How many values of each column meet in one point, at most; those that do not are left out."""
    counts = {name: int(rows.groupby(list(keys), dropna=False)[name].nunique(dropna=False).max()) for name in names}
    return {name: count for name, count in counts.items() if count > 1}


def points(rows: pd.DataFrame, wish: Wish, keys: Sequence[str], *, is_scaled: bool) -> Iterator[Point]:
    """One point for each combination of the keys, in the order of the table; amounts ascending."""
    held = rows.assign(unit=units(rows))
    for _, own in held.groupby(list(keys), dropna=False, sort=False):
        first = own.iloc[0]
        yield Point(
            ALL if wish.by is None else spelled(first[wish.by]),
            None if is_scaled else spelled(first[wish.x]),
            _measured(own, wish.x) if is_scaled else None,
            _measured(own, wish.y),
            own["unit"].nunique(),
            len(own),
            worst(quality(own, name) for name in (wish.x, wish.y)),
        )


def spelled(value: object) -> str:
    """A value as a label."""
    if value is None or value is pd.NA or (isinstance(value, float) and pd.isna(value)):
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _measured(own: pd.DataFrame, name: str) -> Measured:
    """Mean and deviation over networks; of one trial, or of one structure that many share, its own interval."""
    means = own.groupby("unit")[name].mean().astype(float)
    value, deviation = float(means.mean()), spread(list(means))
    measured = measured_structures(own) if beside(name, "quality") in own else own
    low, high = with_word(name, "low"), with_word(name, "high")
    if len(measured) == 1 and low in own and measured[[low, high]].notna().all(axis=None):
        return Measured(value, float(measured[low].iloc[0]), float(measured[high].iloc[0]), INTERVAL)
    if deviation is None or len(measured) == 1:
        return Measured(value, value, value, ONE)
    return Measured(value, value - deviation, value + deviation, DEVIATION)
