"""The outcome against how much is removed, for each criterion, with a band that says how sure it is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, MaxNLocator

from harness.plots.accuracy_cost import PUBLISHED
from harness.plots.drawing import Drawing
from harness.plots.look import BASELINE, INK, Look, canvas, dodge, legend_above, paper
from harness.stats import paired
from harness.tables.panels import LEVEL, UNIT, Panel, with_values
from harness.tables.published_accuracies import Published
from harness.tables.shares import bars, mean_share, per_network

LEAST_ROOM = 0.01  # beyond the means, in stored units
MOST_TICKS, MOST_BANDS = 10, 5  # series; more bands hide each other, and bars are drawn
NEEDED = (UNIT, LEVEL, "draw")  # picking rows of all columns takes long
OVER_DRAWS, OVER_NETWORKS, OVER_ITEMS, UNKNOWN = "draws", "networks", "items", "none"
BANDS = {
    OVER_DRAWS: "lowest to highest mean over networks that any one draw gave; its line averages the draws",
    OVER_NETWORKS: "95 % t interval of the mean over networks",
    OVER_ITEMS: "95 % Wilson interval over the test items of the one checkpoint",
}


@dataclass(frozen=True)
class Sure:
    """A mean outcome at one level with the ends of its band, in stored units; `over` says what the band is of."""

    level: float
    mean: float
    low: float
    high: float
    over: str


def accuracy_count(panel: Panel, look: Mapping[str, Look], published: Sequence[Published] = ()) -> Drawing | None:
    """The test outcome by count or budget; None when nothing was evaluated."""
    series = {criterion: found for criterion in panel.criteria if (found := _series(panel, criterion))}
    if not series:
        return None
    beside = [one for one in published if one.count in panel.levels and not panel.cost]
    with paper():
        figure, axes = canvas(2.75)
        base = panel.baseline_values(panel.quality.column)
        if base:
            level = panel.quality.scaled(float(np.mean(base)))
            axes.axhline(level, color=BASELINE.colour, linestyle=BASELINE.line, linewidth=0.8, label="baseline")
        gap = min((b - a for a, b in pairwise(_places(panel))), default=1.0)
        for i, (criterion, found) in enumerate(series.items()):
            has_band = _has_band(found, len(series))
            shift = 0.0 if has_band else dodge(i, len(series), gap)
            x = [at + shift for at in _at(panel, found)]
            _draw(axes, x, _in_print(panel, found), look[criterion], criterion, has_band=has_band)
        _draw_published(axes, beside)
        shown = [one for found in series.values() for one in found]
        known = (*(one.mean for one in shown), *base, *(one.accuracy for one in beside))
        _keep_in_sight(axes, [panel.quality.scaled(value) for value in known], panel.quality.scaled(LEAST_ROOM))
        _label(axes, panel)
        legend_above(figure, axes)
    word, judged = "budget" if panel.cost else "count", panel.quality
    title = f"{judged.title} by {word}: {panel.label}"
    name, caption = f"{judged.slug}_{word}-{panel.slug}", _caption(panel, series, beside)
    return Drawing(name, title, caption, figure, _data(panel, series))


def _series(panel: Panel, criterion: str) -> list[Sure]:
    outcome = panel.quality.column
    needed = [name for name in (*NEEDED, outcome, f"{outcome}_items") if name in panel.candidates]
    rows = with_values(panel.candidates.loc[panel.candidates["criterion"] == criterion, needed], outcome)
    return [_sure(panel, criterion, float(str(level)), own) for level, own in rows.groupby(LEVEL)]


def _sure(panel: Panel, criterion: str, level: float, rows: pd.DataFrame) -> Sure:
    judged = panel.quality
    mean = mean_share(rows, judged.column)
    drawn = panel.draw_range(judged.column, criterion, level) if rows["draw"].notna().any() else None
    if drawn:
        return Sure(level, mean, drawn[0], drawn[1], OVER_DRAWS)
    interval = paired(per_network(rows, judged.column)).interval
    if interval is not None:
        most = 1.0 if judged.unit else math.inf
        return Sure(level, mean, max(0.0, interval.low), min(most, interval.high), OVER_NETWORKS)
    down, up = bars(rows, judged.column)
    return Sure(level, mean, mean - down, mean + up, OVER_ITEMS if down or up else UNKNOWN)


def _places(panel: Panel) -> list[float]:
    return [100 * level if panel.cost else level for level in panel.levels]


def _at(panel: Panel, found: Sequence[Sure]) -> list[float]:
    return [100 * one.level if panel.cost else one.level for one in found]


def _has_band(found: Sequence[Sure], series: int) -> bool:
    """A single point has none; of many series only those that were drawn, which are the control."""
    return len(found) > 1 and (series <= MOST_BANDS or found[0].over == OVER_DRAWS)


def _in_print(panel: Panel, found: Sequence[Sure]) -> list[np.ndarray]:
    """Means and both ends of their bands as they are written."""
    return [panel.quality.factor * np.array([getattr(one, end) for one in found]) for end in ("mean", "low", "high")]


def _draw(axes: Axes, x: Sequence[float], ends: Sequence[np.ndarray], look: Look, name: str, *, has_band: bool) -> None:
    """A line in its band, or with bars."""
    mean, low, high = ends
    style: dict[str, Any] = {"color": look.colour, "linestyle": look.line, "marker": look.marker, "zorder": 3}
    if has_band:
        axes.plot(x, mean, label=name, **style)
        axes.fill_between(x, low, high, color=look.colour, alpha=0.13, linewidth=0, zorder=1)
        for edge in (low, high):
            axes.plot(x, edge, color=look.colour, linewidth=0.4, alpha=0.6, zorder=1)
    else:
        axes.errorbar(x, mean, yerr=[mean - low, high - mean], elinewidth=0.8, label=name, **style)


def _draw_published(axes: Axes, beside: Sequence[Published]) -> None:
    markers = cycle(PUBLISHED)
    for name in dict.fromkeys(one.name for one in beside):
        own = [one for one in beside if one.name == name]
        style: dict[str, Any] = {"color": INK, "marker": next(markers), "linestyle": "none", "zorder": 3.5}
        axes.plot([p.count for p in own], [100 * p.accuracy for p in own], label=f"published: {name}", **style)


def _keep_in_sight(axes: Axes, means: Sequence[float], least: float) -> None:
    """An interval of two or three networks may span everything: the axis shows the points and half as much again."""
    room = max(least, 0.5 * (max(means) - min(means)))
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, min(means) - room), min(high, max(means) + room))


def _label(axes: Axes, panel: Panel) -> None:
    places = _places(panel)
    axes.set_xlabel(panel.axis)
    axes.set_ylabel(panel.quality.axis)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True) if len(places) > MOST_TICKS else FixedLocator(places))
    if len(places) == 1:
        axes.set_xlim(places[0] - 1, places[0] + 1)


def _caption(panel: Panel, series: Mapping[str, Sequence[Sure]], beside: Sequence[Published]) -> str:
    by = f"share of {panel.cost} to be saved" if panel.cost else f"number of {panel.sublayers} removed"
    over = f"mean over {panel.networks} networks" if panel.networks > 1 else "one network, so no spread is known"
    text = f"Test {panel.quality.word} by {by} ({panel.label}): {over}."
    kinds: dict[tuple[str, str], list[str]] = {}
    for name, found in series.items():
        for over in dict.fromkeys(one.over for one in found if one.over in BANDS):
            word = "Band" if _has_band(found, len(series)) else "Bars"
            kinds.setdefault((over, word), []).append(name)
    for (over, word), names in sorted(kinds.items(), key=lambda one: list(BANDS).index(one[0][0])):
        text += f" {word} of {', '.join(names) if len(names) < len(series) else 'all'}: {BANDS[over]}."
    if any(over == OVER_NETWORKS for over, _ in kinds):
        text += " What reaches far beyond the means is cut."
    return text + (" Published accuracies had their own training." if beside else "")


def _data(panel: Panel, series: Mapping[str, Sequence[Sure]]) -> pd.DataFrame:
    rows = [
        {
            "series": name,
            panel.amount_column: one.level,
            **panel.quality.ends(one.mean, one.low, one.high),
            "interval_over": one.over,
        }
        for name, found in series.items()
        for one in found
    ]
    base = panel.baseline_values(panel.quality.column)
    outcome = next(iter(panel.quality.ends(0.0, 0.0, 0.0)))
    whole = [{"series": "baseline", panel.amount_column: 0, outcome: float(np.mean(base))}] if base else []
    return pd.DataFrame([*whole, *rows])
