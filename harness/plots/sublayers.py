"""Shares of MACs, parameters and latency of each sublayer, by depth, a row of axes for each kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from harness.plots.doubts import CAPTION, cross, explain, face
from harness.plots.drawing import Drawing
from harness.plots.look import COLOURS, INK, Look, legend_above, paper, width_in
from harness.stats import Interval
from harness.tables.alone import Apart, Part

ROW_IN, MARGIN_IN = 1.15, 0.75
BAR, STEP = 0.27, 0.28  # of the distance between two depths
TIMED = Look(COLOURS[1], "D", "-")
Counted = tuple[str, Callable[[Part], float], str]
COUNTED: tuple[Counted, ...] = (
    ("MACs", lambda part: part.macs_share, COLOURS[0]),
    ("parameters", lambda part: part.params_share, COLOURS[5]),
)


def shares_by_depth(found: Sequence[Apart]) -> tuple[Drawing, ...]:
    """One figure for each network that was taken apart and timed."""
    return tuple(_drawing(one) for one in found if one.timed is not None)


def _drawing(one: Apart) -> Drawing:
    with paper():
        figure = Figure(figsize=(width_in(), MARGIN_IN + ROW_IN * len(one.kinds)))
        rows: list[Axes] = list(figure.subplots(len(one.kinds), 1, sharex=True, sharey=True, squeeze=False)[:, 0])
        for axes, kind in zip(rows, one.kinds, strict=True):
            _draw(axes, [part for part in one.parts if part.kind == kind])
            axes.set_title(kind.replace("_", " "), loc="left", pad=2)
        rows[-1].set_xlabel("depth (0: next to the input)")
        rows[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.supylabel("share of the whole network (%)", fontsize=9)
        explain(rows[0], one.qualities)
        legend_above(figure, rows[0])
    caption = (
        f"Share of the whole network that goes with each sublayer, by depth ({one.label}, {one.key['data']}): MACs and "
        f"parameters counted, latency measured with the sublayer alone removed, timed in turn with the whole "
        f"({one.conditions}). Lines: 95 % intervals over the pairs of one process; {CAPTION}."
    )
    title = f"What each sublayer costs, by depth: {one.label}"
    return Drawing(f"sublayers-{one.slug}", title, caption, figure, _data(one))


def _data(one: Apart) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "sublayer": part.name,
            "kind": part.kind,
            "depth": part.depth,
            "macs_share": part.macs_share,
            "params_share": part.params_share,
            "latency_share": part.latency_share,
            "latency_low_share": part.interval and part.interval.low,
            "latency_high_share": part.interval and part.interval.high,
            "latency_quality": part.quality,
        }
        for part in one.parts
    )


def _draw(axes: Axes, parts: Sequence[Part]) -> None:
    """Two bars and a point for each depth."""
    for side, (name, of, colour) in zip((-1, 0), COUNTED, strict=True):
        places = [part.depth + side * STEP for part in parts]
        axes.bar(places, [100 * of(part) for part in parts], BAR, color=colour, linewidth=0, label=name, zorder=2)
    timed = [part for part in parts if part.latency_share is not None]
    for part in timed:
        _point(axes, part, part.latency_share or 0.0)
    axes.plot([], [], color=TIMED.colour, marker=TIMED.marker, linestyle="none", label="latency")
    axes.axhline(0, color=INK, linewidth=0.6, zorder=1)
    axes.grid(visible=False, axis="x")


def _point(axes: Axes, part: Part, share: float) -> None:
    """A share of the latency with its interval, where it has one."""
    end = part.interval or Interval(share, share)
    lines = [[100 * (share - end.low)], [100 * (end.high - share)]]
    style: dict[str, Any] = {"color": TIMED.colour, "marker": TIMED.marker, "linestyle": "none", "elinewidth": 0.9}
    place = part.depth + STEP
    axes.errorbar([place], [100 * share], yerr=lines, mfc=face(TIMED, part.quality), ms=3.2, zorder=3, **style)
    cross(axes, place, 100 * share, TIMED, part.quality)
