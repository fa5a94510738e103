"""Speed-up against saved MACs, runtime by runtime: where does the saving survive?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from harness.plots.doubts import CAPTION, cross, explain, face
from harness.plots.drawing import Drawing
from harness.plots.look import INK, Look, canvas, dodge, legend_above, look_at, paper
from harness.tables.derived import SPEEDUPS, TIMED_WORDS
from harness.tables.marks import count_notes, quality
from harness.tables.panels import RUNTIME, Panel, with_values
from harness.tables.summaries import measured_structures, speed_interval
from harness.wording import slug

PROMISE = "as the MACs promise"
WIDEST_GAP = 3.0  # per cent of MACs: points are set apart by a sixth of it at most


@dataclass(frozen=True)
class Gain:
    """One amount in one runtime: share of MACs saved in per cent, and the speed-up with its interval."""

    saved: float
    speed: float
    low: float
    high: float
    quality: str


def runtime_speeds(members: Sequence[Panel], named: Panel, metric: str) -> Drawing | None:
    """One point per amount and runtime, with the line on which speed rises as MACs fall; None for one runtime.

    `named` is the panel of their outcomes, which tells what they share.
    """
    series = {panel.key[RUNTIME]: found for panel in members if (found := _gains(panel, metric))}
    if len(members) < 2 or not series:
        return None
    everything = [gain for found in series.values() for gain in found]
    places = sorted({round(gain.saved, 6) for gain in everything})
    gap = min(WIDEST_GAP, float(min(np.diff(places), default=1.0)))
    with paper():
        figure, axes = canvas(2.75)
        for i, (name, found) in enumerate(series.items()):
            _draw(axes, name, found, look_at(i), dodge(i, len(series), gap))
        _draw_promise(axes, max(gain.saved for gain in everything))
        _keep_points_in_sight(axes, everything)
        explain(axes, (gain.quality for gain in everything))
        axes.set_xlabel("MACs saved (%)")
        axes.set_ylabel(f"speed-up ({TIMED_WORDS[metric]})")
        legend_above(figure, axes)
    under = f" at {named.scenario(metric)}" if named.scenario(metric) else ""
    caption = (
        f"Speed-up of the {TIMED_WORDS[metric]}{under} against saved MACs, by runtime ({named.label}): medians "
        "over measured structures, each against the baseline of its own runtime, timed in turn; bars: the widest range "
        "of the structures' 95 % intervals over the repeats of one process. Line: what the MACs promise, whole / rest; "
        f"{CAPTION}. Points at equal MACs are set slightly apart; bars that reach far beyond all points are cut."
    )
    caption = " ".join((caption, *count_notes(measured_structures(named.candidates))))
    title = f"Speed-up by runtime ({TIMED_WORDS[metric]}): {named.label}"
    return Drawing(f"runtimes_{slug(TIMED_WORDS[metric])}-{named.slug}", title, caption, figure, _data(series))


def _data(series: Mapping[str, Sequence[Gain]]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            RUNTIME: name,
            "macs_saved_share": gain.saved / 100,
            "speedup": gain.speed,
            "speedup_low": gain.low,
            "speedup_high": gain.high,
            "quality": gain.quality,
        }
        for name, found in series.items()
        for gain in found
    )


def _gains(panel: Panel, metric: str) -> list[Gain]:
    name = SPEEDUPS[metric]
    found = []
    for level in panel.levels:
        rows = measured_structures(panel.at(level))
        saving = panel.saved(metric)
        held, interval = with_values(with_values(rows, name), saving), speed_interval(rows, name)
        if len(held) and interval is not None:
            saved, speed = 100 * float(held[saving].mean()), float(np.median(held[name]))
            found.append(Gain(saved, speed, interval.low, interval.high, quality(held, metric)))
    return found


def _draw(axes: Axes, name: str, found: Sequence[Gain], look: Look, shift: float) -> None:
    x = [gain.saved + shift for gain in found]
    axes.plot(x, [gain.speed for gain in found], color=look.colour, linestyle=look.line, linewidth=0.9, zorder=2)
    style: dict[str, Any] = {"color": look.colour, "marker": look.marker, "linestyle": "none", "elinewidth": 0.9}
    for place, gain in zip(x, found, strict=True):
        bars = [[max(0.0, gain.speed - gain.low)], [max(0.0, gain.high - gain.speed)]]
        axes.errorbar([place], [gain.speed], yerr=bars, mfc=face(look, gain.quality), zorder=3, **style)
        cross(axes, place, gain.speed, look, gain.quality)
    axes.plot([], [], color=look.colour, linestyle=look.line, marker=look.marker, label=name)


def _keep_points_in_sight(axes: Axes, gains: Sequence[Gain]) -> None:
    """One hopeless interval must not flatten all others: the axis shows the points and as much again on both sides."""
    most = max(gain.saved for gain in gains)
    speeds = [1.0, 100 / (100 - min(95.0, most)), *(gain.speed for gain in gains)]
    low, high = min(speeds), max(speeds)
    room = max(high - low, 0.05)
    lows, highs = min(low, *(gain.low for gain in gains)), max(high, *(gain.high for gain in gains))
    axes.set_ylim(max(lows, low - room) - 0.05 * room, min(highs, high + room) + 0.05 * room)


def _draw_promise(axes: Axes, most: float) -> None:
    saved = np.linspace(0.0, min(95.0, 1.12 * most), 60)
    axes.plot(saved, 100 / (100 - saved), color=INK, linewidth=0.8, linestyle=(0, (3, 2)), zorder=1, label=PROMISE)
    axes.axhline(1.0, color=INK, linewidth=0.5, zorder=1)
