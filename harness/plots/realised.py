"""Compute saved against time saved: how much of what MACs promise arrives at the clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from harness.plots.doubts import CAPTION, cross, explain, face
from harness.plots.drawing import Drawing
from harness.plots.look import COLOURS, INK, LINES, MARKERS, Look, canvas, legend_above, paper
from harness.tables.derived import SPEEDUPS, TIMED_WORDS
from harness.tables.marks import count_notes, quality
from harness.tables.panels import Panel, with_values
from harness.tables.summaries import measured_structures

DIAGONAL = "time saved = compute saved"


@dataclass(frozen=True)
class Saving:
    """One measured structure, in per cent of its baseline; the interval is that of its repeats."""

    macs: float
    time: float
    low: float
    high: float
    quality: str


def realised(panel: Panel) -> Drawing | None:
    """Time saved against MACs saved, one point per measured structure; None where nothing was timed."""
    rows = measured_structures(panel.candidates)
    savings = {metric: _savings(rows, metric, panel.saved(metric)) for metric in SPEEDUPS}
    series = {_named(panel, metric): found for metric, found in savings.items() if found}
    if not series:
        return None
    with paper():
        figure, axes = canvas(2.75)
        for i, (name, found) in enumerate(series.items()):
            _draw(axes, name, found, Look(COLOURS[i], MARKERS[i], LINES[0]))
        explain(axes, (s.quality for found in series.values() for s in found))
        _draw_diagonal(axes, [s for found in series.values() for s in found])
        axes.set_xlabel("MACs saved (%)")
        axes.set_ylabel("time saved per item (%)")
        legend_above(figure, axes)
    caption = (
        f"Time saved against compute saved ({panel.label}), one point per measured structure, baseline and candidate "
        "timed in turn; bars: 95 % intervals over the repeats of one process, which leave out the variation "
        f"between processes. On the dashed line, time saved equals compute saved; {CAPTION}."
    )
    caption = " ".join((caption, *count_notes(rows)))
    return Drawing(f"realised-{panel.slug}", f"Compute saved against time saved: {panel.label}", caption, figure)


def _savings(rows: pd.DataFrame, metric: str, saved: str) -> list[Saving]:
    name = SPEEDUPS[metric]
    held = with_values(with_values(rows, f"{name}_low"), saved)  # without an interval nothing is known
    found = []
    for place, row in enumerate(held.to_dict("records")):
        time, low, high = (100 * (1 - 1 / float(row[key])) for key in (name, f"{name}_low", f"{name}_high"))
        found.append(Saving(100 * float(row[saved]), time, low, high, quality(held.iloc[[place]], metric)))
    return found


def _named(panel: Panel, metric: str) -> str:
    under = panel.scenario(metric)
    return f"{TIMED_WORDS[metric]}, {under}" if under else TIMED_WORDS[metric]


def _draw_diagonal(axes: Axes, savings: list[Saving]) -> None:
    end = 1.12 * max(max(s.macs, s.high) for s in savings)
    axes.plot([0, end], [0, end], color=INK, linewidth=0.8, linestyle=(0, (3, 2)), zorder=1, label=DIAGONAL)
    if min(s.low for s in savings) < 0:
        axes.axhline(0, color=INK, linewidth=0.6, zorder=1)
    axes.set_xlim(0, 1.12 * max(s.macs for s in savings))
    axes.set_ylim(min(0.0, *(1.1 * s.low for s in savings)), end)


def _draw(axes: Axes, name: str, savings: list[Saving], look: Look) -> None:
    style: dict[str, Any] = {"color": look.colour, "marker": look.marker, "linestyle": "none", "zorder": 3}
    for s in savings:
        bars = [[s.time - s.low], [s.high - s.time]]
        axes.errorbar([s.macs], [s.time], yerr=bars, elinewidth=0.9, mfc=face(look, s.quality), **style)
        cross(axes, s.macs, s.time, look, s.quality)
    axes.plot([], [], color=look.colour, marker=look.marker, linestyle="none", label=name)
