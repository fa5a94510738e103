"""A figure of one's own: any column of the trials table against any other, by a third."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes as Canvas
from matplotlib.ticker import MaxNLocator

from harness.errors import Problem, SpecError
from harness.plots.axes import Axis, axis, in_base_units, words
from harness.plots.doubts import CAPTION, cross, explain, face
from harness.plots.drawing import Drawing
from harness.plots.grouping import AMOUNTS, DEVIATION, INTERVAL, Grouping, Measured, Point, grouping, points
from harness.plots.look import BASELINE, Look, canvas, dodge, legend_above, looks, paper, short
from harness.plots.picking import BASELINE as WHOLE
from harness.plots.picking import Wish, is_measured, is_number, picked
from harness.tables.columns import Column

MOST_SERIES, MOST_PLACES = 12, 24
PLACE_LETTERS = 16  # of a category's name
LETTERS_IN_A_ROW = 40  # of all categories; more stand upright


@dataclass(frozen=True)
class Sheet:
    """Where points stand: on y a scale, on x a scale or names in a row; lines join what differs in amount alone."""

    y: Axis
    x: Axis | None
    places: tuple[str, ...]
    is_joined: bool

    def at(self, point: Point, shift: float) -> float:
        """The place of a point on x."""
        if self.x is None:
            return self.places.index(point.place or "") + shift
        return self.x.scale.of(point.x.value if point.x else 0.0)


def chart(
    table: pd.DataFrame, columns: Sequence[Column], wish: Wish, known: Mapping[str, Look] | None = None
) -> Drawing | None:
    """The figure; None where no trial has both values. Raises for columns that are not there or cannot be an axis.

    `known` are the looks that series have elsewhere.
    """
    rows = picked(table, wish)
    rows = rows[rows[wish.x].notna() & rows[wish.y].notna()]
    if not len(rows):
        return None
    is_scaled = is_number(rows[wish.x]) and (is_measured(wish.x) or wish.x in AMOUNTS)
    _check(rows, wish, is_scaled=is_scaled)
    how = grouping(rows, wish)
    found = sorted(points(rows, wish, how.keys, is_scaled=is_scaled), key=lambda p: p.x.value if p.x else 0.0)
    sheet = _sheet(found, wish, how, {column.name: column for column in columns})
    series = {name: [p for p in found if p.series == name] for name in dict.fromkeys(p.series for p in found)}
    styles = looks(list(series)) | dict(known or {}) | {WHOLE: BASELINE}
    with paper():
        figure, axes = canvas(2.75)
        for place, (name, own) in enumerate(series.items()):
            _draw(axes, own, sheet, styles[name], dodge(place, len(series), 1.0))
        _label(axes, sheet, wish)
        explain(axes, (p.quality for p in found))
        if wish.by is not None:
            legend_above(figure, axes)
    slug = "-".join(part for part in (wish.y, wish.x, wish.by) if part)
    title = f"{words(wish.y)} against {words(wish.x)}{f', by {words(wish.by)}' if wish.by else ''}"
    name = re.sub("[^a-z0-9_]+", "-", slug.lower()).strip("-")
    return Drawing(name, title, _caption(title, wish, how, found), figure, _data(found, wish))


def _check(rows: pd.DataFrame, wish: Wish, *, is_scaled: bool) -> None:
    """What cannot be drawn, before anything is."""
    problems = []
    if not is_number(rows[wish.y]):
        problems.append(Problem("--y", f"{wish.y} holds words; an axis needs numbers"))
    for where, name, most in (("--by", wish.by, MOST_SERIES), ("--x", None if is_scaled else wish.x, MOST_PLACES)):
        many = 0 if name is None else rows[name].nunique()
        if many > most:
            problems.append(Problem(where, f"{name} has {many} values; at most {most} can be told apart"))
    if problems:
        raise SpecError(problems)


def _sheet(found: Sequence[Point], wish: Wish, how: Grouping, told: Mapping[str, Column]) -> Sheet:
    scaled = [point.x.value for point in found if point.x]
    x = axis(told[wish.x], scaled) if scaled else None
    is_joined = x is not None and set(how.keys) - {wish.by, wish.x} <= set(AMOUNTS)
    places = tuple(dict.fromkeys(point.place for point in found if point.place is not None))
    return Sheet(axis(told[wish.y], [point.y.value for point in found]), x, places, is_joined)


def _draw(axes: Canvas, own: Sequence[Point], sheet: Sheet, look: Look, shift: float) -> None:
    at, heights = [sheet.at(p, shift) for p in own], [sheet.y.scale.of(p.y.value) for p in own]
    line = look.line if sheet.is_joined else "none"
    axes.plot(at, heights, color=look.colour, linestyle=line, linewidth=0.9, zorder=2)
    for x, y, point in zip(at, heights, own, strict=True):
        reach: dict[str, Any] = {"yerr": _reach(point.y, sheet.y)}
        if sheet.x is not None and point.x is not None:
            reach["xerr"] = _reach(point.x, sheet.x)
        style: dict[str, Any] = {"color": look.colour, "marker": look.marker, "mfc": face(look, point.quality)}
        axes.errorbar([x], [y], **reach, linestyle="none", elinewidth=0.8, zorder=3, **style)
        cross(axes, x, y, look, point.quality)
    axes.plot([], [], color=look.colour, linestyle=line, marker=look.marker, label=short(own[0].series))


def _reach(value: Measured, by: Axis) -> list[list[float]]:
    """Down and up; an interval of repeats need not hold the mean of another number of them."""
    return [[max(0.0, by.scale.of(value.value - value.low))], [max(0.0, by.scale.of(value.high - value.value))]]


def _label(axes: Canvas, sheet: Sheet, wish: Wish) -> None:
    axes.set_ylabel(sheet.y.label)
    axes.set_xlabel(sheet.x.label if sheet.x else words(wish.x))
    if sheet.x is None:
        names = [short(place, PLACE_LETTERS) for place in sheet.places]
        is_upright = sum(map(len, names)) > LETTERS_IN_A_ROW
        axes.set_xticks(range(len(names)), names, rotation=90 if is_upright else 0)
        axes.set_xlim(-0.6, len(names) - 0.4)
        axes.grid(visible=False, axis="x")
    elif wish.x == "count":
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _caption(title: str, wish: Wish, how: Grouping, found: Sequence[Point]) -> str:
    only = f" ({wish.words})" if wish.words else ""
    networks, trials = max(point.networks for point in found), sum(point.trials for point in found)
    of = (
        f"{trials} trials, up to {networks} networks a point"
        if networks > 1
        else f"{trials} trials, one network a point"
    )
    kinds = {measured.over for point in found for measured in (point.x, point.y) if measured is not None}
    bars = [kind for kind in (DEVIATION, INTERVAL) if kind in kinds]
    parts = [f"{title[:1].upper()}{title[1:]}{only}: {of}."]
    parts += [f"Bars: {' or '.join(bars)}."] if bars else []
    if how.averaged:
        parts.append(f"Averaged over {', '.join(f'{name} ({count})' for name, count in how.averaged.items())}.")
    parts += [f"{CAPTION[:1].upper()}{CAPTION[1:]}."] if any(point.quality != "ok" for point in found) else []
    return " ".join(parts)


def _data(found: Sequence[Point], wish: Wish) -> pd.DataFrame:
    rows = []
    for point in found:
        x: dict[str, Any] = {wish.x: point.place} if point.x is None else _ends(wish.x, point.x)
        told = {"networks": point.networks, "trials": point.trials, "quality": point.quality}
        rows.append({**({wish.by: point.series} if wish.by else {}), **x, **_ends(wish.y, point.y), **told})
    return pd.DataFrame(rows)


def _ends(name: str, value: Measured) -> dict[str, float]:
    return {
        in_base_units(f"{name}{end}"): one
        for end, one in (("", value.value), ("_low", value.low), ("_high", value.high))
    }
