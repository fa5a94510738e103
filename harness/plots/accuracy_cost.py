"""The outcome against what it costs, with the points that no other beats: MACs alone, and what the machine needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from harness.plots import costs
from harness.plots.costs import ON_MACHINE, PARAMS, SAVED, Cost, Spot
from harness.plots.doubts import CAPTION, cross, explain, face
from harness.plots.drawing import Drawing
from harness.plots.look import BASELINE, GRID, INK, PAPER, Look, canvas, dodge, legend_above, paper, tiles
from harness.tables.cells import Scale, scale
from harness.tables.marks import count_notes
from harness.tables.panels import RUNTIME, Panel
from harness.tables.published_accuracies import Published
from harness.tables.shares import BARS
from harness.tables.summaries import measured_structures

WHOLE: tuple[Any, ...] = ("p", "d", "8", "H", ">", "<", (4, 1, 0))  # markers of dense networks, which no criterion has
PUBLISHED = ("x", "+", "1", "2")
PERCENT = Scale(0.01, "%")
DENSE_NOTE = "Dense: whole networks beside the study, trained by themselves; the front leaves them out."
Outcomes: TypeAlias = Mapping[costs.Cell, costs.Ends]
OWN_TIME = "They were timed in processes of their own."
SAVED_RANGES = "Bars along the saving: from the least to the most that any of the sets saves."
RANGES = "Bars along other costs, and along times of whole networks: from the lowest to the highest that was measured."
PUBLISHED_NOTE = "Published accuracies, with their own training, stand at our cost of as many removed."


def accuracy_cost(panel: Panel, look: Mapping[str, Look], published: Sequence[Published] = ()) -> Drawing | None:
    """The test outcome against saved MACs with the Pareto front; None without outcomes and MACs."""
    found = _everything(panel, SAVED, published, costs.outcomes(panel))
    if not found:
        return None
    best = costs.front(_ranked(found), SAVED)
    with paper():
        figure, axes = canvas(2.75)
        _draw(axes, found, best, look, SAVED)
        axes.margins(x=0.04, y=0.06)
        axes.set_ylabel(panel.quality.axis)
        legend_above(figure, axes)
    caption = (
        f"Test {panel.quality.word} against saved multiply-accumulates ({panel.label}): {panel.spread}. "
        "Grey: Pareto front of the means; filled markers lie on it, hollow ones are dominated. "
        "Points at equal MACs are set slightly apart."
    )
    ranged = [SAVED_RANGES] if any(_has_range(spot) for spot in found) else []
    caption = " ".join((caption, *ranged, *_notes(panel, found), *count_notes(measured_structures(panel.candidates))))
    data = costs.frame_of(found, best, SAVED, panel)
    judged = panel.quality
    title = f"{judged.title} against compute: {panel.label}"
    return Drawing(f"{judged.slug}_cost-{panel.slug}", title, caption, figure, data)


def accuracy_machine(panel: Panel, look: Mapping[str, Look], published: Sequence[Published] = ()) -> Drawing | None:
    """The test outcome against time, memory and energy side by side; None where none of them was measured."""
    wanted = (*((PARAMS,) if costs.says_more(panel, PARAMS) else ()), *ON_MACHINE)
    known = costs.outcomes(panel)
    everything = {cost: _everything(panel, cost, published, known) for cost in wanted}
    shown = {cost: found for cost, found in everything.items() if _differs(found)}
    if not set(shown) & set(ON_MACHINE):
        return None
    tables = []
    with paper():
        figure, places = tiles(len(shown), 2.1)
        for axes, (cost, found) in zip(places, shown.items(), strict=True):
            best = costs.front(_ranked(found), cost)
            _draw(axes, found, best, look, cost, panel.scenario(cost.column))
            tables.append(costs.frame_of(found, best, cost, panel))
        explain(places[0], (spot.quality for found in shown.values() for spot in found))
        figure.supylabel(panel.quality.axis, fontsize=9)
        legend_above(figure, places[0])
    where = ", ".join(dict.fromkeys((panel.label, panel.key[RUNTIME])))
    caption = (
        f"Test {panel.quality.word} against what the machine needs ({where}): {panel.spread}. Times are the "
        "baseline's, changed by the ratio of candidate and baseline timed in turn; bars along them: the widest 95 % "
        f"interval of that ratio over repeats. Grey: Pareto front of the means; {CAPTION}."
    )
    every = [spot for found in shown.values() for spot in found]
    others = (s for cost, found in shown.items() for s in found if not cost.is_timed or s.kind != "candidate")
    ranged = [RANGES] if any(map(_has_range, others)) else []
    caption = " ".join((caption, *ranged, *_notes(panel, every), *([OWN_TIME] if _has(every, "dense") else [])))
    judged = panel.quality
    title = f"{judged.title} against time, memory and energy: {panel.label}"
    data = pd.concat(tables, ignore_index=True)
    return Drawing(f"{judged.slug}_machine-{panel.slug}", title, caption, figure, data)


def _everything(panel: Panel, cost: Cost, published: Sequence[Published], known: Outcomes) -> list[Spot]:
    """Candidates with the baseline and what stands beside; nothing without a candidate."""
    found = costs.spots(panel, cost, known)
    if not found:
        return []
    beside = (*costs.dense_spots(panel, cost), *costs.published_spots(published, found))
    return [*costs.baseline_spot(panel, cost), *found, *beside]


def _ranked(found: Sequence[Spot]) -> list[Spot]:
    return [spot for spot in found if spot.kind in ("candidate", "baseline")]


def _differs(found: Sequence[Spot]) -> bool:
    """Whether there is anything to choose between: one cost for all says nothing."""
    return len({round(spot.cost, 12) for spot in found if spot.kind != "published"}) > 1


def _notes(panel: Panel, found: Sequence[Spot]) -> list[str]:
    beside = ((_has(found, "dense"), DENSE_NOTE), (_has(found, "published"), PUBLISHED_NOTE))
    return [note for applies, note in ((panel.networks == 1, BARS), *beside) if applies]


def _has_range(spot: Spot) -> bool:
    return spot.cost_high - spot.cost_low > 1e-9 * abs(spot.cost)


def _has(found: Sequence[Spot], kind: str) -> bool:
    return any(spot.kind == kind for spot in found)


def _draw(
    axes: Axes, found: Sequence[Spot], best: Sequence[Spot], look: Mapping[str, Look], cost: Cost, under: str = ""
) -> None:
    by = PERCENT if cost.unit == "1" else scale((spot.cost for spot in found), cost.unit)
    names = [name for name in look if any(spot.series == name and spot.kind == "candidate" for spot in found)]
    gap = _gap([by.of(spot.cost) for spot in found if spot.kind == "candidate"])
    for place, name in enumerate(names):
        own = [spot for spot in found if spot.series == name]
        _draw_series(axes, own, best if cost == SAVED else found, look[name], by, dodge(place, len(names), gap))
    _draw_beside(axes, found, by)
    x, y = [by.of(spot.cost) for spot in best], [_height(spot) for spot in best]
    axes.plot(x, y, color=GRID, linewidth=6, solid_capstyle="round", zorder=1.5, label="Pareto front")
    unit = f" ({by.unit})" if by.unit else ""
    axes.set_xlabel(f"{cost.words}{unit}{f', {under}' if under else ''}")


def _gap(places: Sequence[float]) -> float:
    """How far apart neighbours are: by which points at equal costs may be set apart."""
    apart = sorted({round(place, 6) for place in places})
    return min((float(step) for step in np.diff(apart)), default=1.0)


def _draw_series(axes: Axes, own: Sequence[Spot], filled: Sequence[Spot], look: Look, by: Scale, shift: float) -> None:
    """A line with a marker for each amount; those that are not `filled`, or in doubt, are hollow."""
    x = [by.of(spot.cost) + shift for spot in own]
    axes.plot(x, [_height(spot) for spot in own], color=look.colour, linestyle=look.line, linewidth=0.9, zorder=2)
    alike: dict[str, list[tuple[float, Spot]]] = {}
    for place, spot in zip(x, own, strict=True):
        alike.setdefault(face(look, spot.quality) if spot in filled else PAPER, []).append((place, spot))
        cross(axes, place, _height(spot), look, spot.quality)
    for inside, points in alike.items():  # each a call of its own would take most of the time of a figure
        places, spots = zip(*points, strict=True)
        style: dict[str, Any] = {"color": look.colour, "marker": look.marker, "markerfacecolor": inside, "zorder": 3}
        heights = [_height(spot) for spot in spots]
        axes.errorbar(places, heights, **_bars(spots, by), linestyle="none", elinewidth=0.8, **style)
    axes.plot([], [], color=look.colour, linestyle=look.line, marker=look.marker, label=own[0].series)


def _draw_beside(axes: Axes, found: Sequence[Spot], by: Scale) -> None:
    """The baseline, whole networks and published values: points without a line."""
    markers: dict[str, Iterator[Any]] = {"dense": cycle(WHOLE), "published": cycle(PUBLISHED)}
    of_series: dict[str, Any] = {}
    for spot in found:
        if spot.kind == "candidate":
            continue
        is_base = spot.kind == "baseline"
        label = None if spot.series in of_series else spot.series
        if label:
            of_series[spot.series] = BASELINE.marker if is_base else next(markers[spot.kind])
        style: dict[str, Any] = {"color": INK, "marker": of_series[spot.series], "markersize": 8 if is_base else 5.5}
        style |= {"zorder": 4 if is_base else 3.5, "markerfacecolor": INK if is_base else PAPER}
        x, y = [by.of(spot.cost)], [_height(spot)]
        axes.errorbar(x, y, **_bars([spot], by), linestyle="none", elinewidth=0.8, label=label, **style)


def _height(spot: Spot) -> float:
    """Its outcome as it is written."""
    return spot.judged.scaled(spot.outcome)


def _bars(spots: Sequence[Spot], by: Scale) -> dict[str, Any]:
    """How far the bars of points reach, down and up; none along costs that are one number each."""
    down = [spot.judged.scaled(spot.outcome - spot.low) for spot in spots]
    up = [spot.judged.scaled(spot.high - spot.outcome) for spot in spots]
    left = [max(0.0, by.of(spot.cost) - by.of(spot.cost_low)) for spot in spots]
    right = [max(0.0, by.of(spot.cost_high) - by.of(spot.cost)) for spot in spots]
    along = {"xerr": [left, right]} if max(*left, *right) > 1e-9 else {}
    return {"yerr": [down, up], **along}
