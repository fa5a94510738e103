"""Compute saved against time saved: how much of what MACs promise arrives at the clock, machine by machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from harness.plots.doubts import CAPTION, cross, explain, face
from harness.plots.drawing import Drawing
from harness.plots.look import COLOURS, INK, LINES, MARKERS, Look, canvas, legend_above, paper, tiles
from harness.tables.derived import SPEEDUPS, TIMED_WORDS
from harness.tables.marks import count_notes, quality_of
from harness.tables.panels import Panel, with_values
from harness.tables.summaries import measured_structures

DIAGONAL = "time saved = compute saved"
MACHINE = "machine_class"
Series = dict[str, list["Saving"]]


@dataclass(frozen=True)
class Saving:
    """One measured structure, as shares of its baseline; the interval is that of its repeats."""

    macs: float
    time: float
    low: float
    high: float
    quality: str


def realised(*panels: Panel) -> Drawing | None:
    """Time saved against MACs saved, one point per measured structure; None where nothing was timed.

    Panels that differ in their machine alone stand side by side.
    """
    held = {panel.key[MACHINE]: series for panel in panels if (series := _series(panel))}
    if not held:
        return None
    panel = panels[0]
    with paper():
        figure, places = _axes(len(held))
        for axes, (machine, series) in zip(places, held.items(), strict=True):
            _fill(axes, series)
            axes.set_xlabel("MACs saved (%)")
            if len(held) > 1:
                axes.set_title(machine, loc="left", pad=2)
        places[0].set_ylabel("time saved per item (%)")
        _draw_diagonals(places, [s for series in held.values() for found in series.values() for s in found])
        explain(places[0], (s.quality for series in held.values() for found in series.values() for s in found))
        legend_above(figure, places[0])
    label = panel.label if len(held) == 1 else panel.label_without(MACHINE)
    by = ", machine by machine" if len(held) > 1 else ""
    caption = (
        f"Time saved against compute saved ({label}){by}, one point per measured structure, baseline and candidate "
        "timed in turn; bars: 95 % intervals over the repeats of one process, which leave out the variation "
        f"between processes. On the dashed line, time saved equals compute saved; {CAPTION}."
    )
    rows = pd.concat([measured_structures(one.candidates) for one in panels], ignore_index=True)
    caption = " ".join((caption, *count_notes(rows)))
    return Drawing(f"realised-{panel.slug}", f"Compute saved against time saved: {label}", caption, figure, _data(held))


def _series(panel: Panel) -> Series:
    rows = measured_structures(panel.candidates)
    savings = {metric: _savings(rows, metric, panel.saved(metric)) for metric in SPEEDUPS}
    return {_named(panel, metric): found for metric, found in savings.items() if found}


def _savings(rows: pd.DataFrame, metric: str, saved: str) -> list[Saving]:
    name = SPEEDUPS[metric]
    held = with_values(with_values(rows, f"{name}_low"), saved)  # without an interval nothing is known
    found = []
    for row in held.to_dict("records"):
        time, low, high = (1 - 1 / float(row[key]) for key in (name, f"{name}_low", f"{name}_high"))
        found.append(Saving(float(row[saved]), time, low, high, quality_of(row, metric)))
    return found


def _named(panel: Panel, metric: str) -> str:
    under = panel.scenario(metric)
    return f"{TIMED_WORDS[metric]}, {under}" if under else TIMED_WORDS[metric]


def _axes(machines: int) -> tuple[Any, list[Axes]]:
    if machines > 1:
        return tiles(machines, 2.2)
    figure, axes = canvas(2.75)
    return figure, [axes]


def _draw_diagonals(places: Sequence[Axes], savings: Sequence[Saving]) -> None:
    """The same scales and the same line for all machines."""
    end = 112 * max(max(s.macs, s.high) for s in savings)
    lowest = min(s.low for s in savings)
    for axes in places:
        axes.plot([0, end], [0, end], color=INK, linewidth=0.8, linestyle=(0, (3, 2)), zorder=1, label=DIAGONAL)
        if lowest < 0:
            axes.axhline(0, color=INK, linewidth=0.6, zorder=1)
        axes.set_xlim(0, 112 * max(s.macs for s in savings))
        axes.set_ylim(min(0.0, 110 * lowest), end)


def _fill(axes: Axes, series: Mapping[str, Sequence[Saving]]) -> None:
    for i, (name, savings) in enumerate(series.items()):
        look = Look(COLOURS[i], MARKERS[i], LINES[0])
        style: dict[str, Any] = {"color": look.colour, "marker": look.marker, "linestyle": "none", "zorder": 3}
        for quality in dict.fromkeys(s.quality for s in savings):
            alike = [s for s in savings if s.quality == quality]
            x, y = [100 * s.macs for s in alike], [100 * s.time for s in alike]
            bars = [[100 * (s.time - s.low) for s in alike], [100 * (s.high - s.time) for s in alike]]
            axes.errorbar(x, y, yerr=bars, elinewidth=0.9, mfc=face(look, quality), **style)
            for place in zip(x, y, strict=True):
                cross(axes, *place, look, quality)
        axes.plot([], [], color=look.colour, marker=look.marker, linestyle="none", label=name)


def _data(held: Mapping[str, Series]) -> pd.DataFrame:
    rows = [
        {MACHINE: machine, "timed": name, **asdict(saving)}
        for machine, series in held.items()
        for name, found in series.items()
        for saving in found
    ]
    shares = {"macs": "macs_saved_share", "time": "time_saved_share", "low": "time_saved_low_share"}
    return pd.DataFrame(rows).rename(columns={**shares, "high": "time_saved_high_share"})
