"""Whole networks side by side: the outcome of each against what it computes, and what the machine needs for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from harness.plots.costs import MACS, ON_MACHINE, PARAMS, Cost, Spot, frame_of, whole_spot
from harness.plots.doubts import CAPTION, cross, explain, face
from harness.plots.drawing import Drawing
from harness.plots.look import legend_above, look_at, paper, tiles
from harness.tables.cells import scale
from harness.tables.networks import ALONE, Networks
from harness.tables.panels import Panel

RANGES = "bars along costs: from the lowest to the highest of any seed that was measured"


def networks(one: Networks) -> Drawing | None:
    """A tile for each cost that is known of them, outcomes along the height of all; a network looks alike in all.

    None where no cost is known of one whose outcome is.
    """
    found = {cost: _spots(one, cost) for cost in (MACS, PARAMS, *ON_MACHINE)}
    shown = {cost: spots for cost, spots in found.items() if spots}
    if not shown:
        return None
    with paper():
        figure, places = tiles(len(shown), 2.0)
        for axes, (cost, spots) in zip(places, shown.items(), strict=True):
            _draw(axes, list(one.rows), spots, cost, one.panel)
        explain(places[0], (spot.quality for spots in shown.values() for spot in spots))
        figure.supylabel(one.panel.quality.axis, fontsize=9)
        legend_above(figure, places[0])
    caption = (
        f"Test {one.panel.quality.word} of whole networks against what they need ({one.label}): {one.spread}; "
        f"{RANGES}; {CAPTION}. {ALONE}"
    )
    data = pd.concat([frame_of(spots, (), cost, one.panel) for cost, spots in shown.items()], ignore_index=True)
    data = data.drop(columns=["kind", one.panel.amount_column, "is_on_front"])
    return Drawing(f"networks-{one.slug}", f"Whole networks: {one.label}", caption, figure, data)


def _spots(one: Networks, cost: Cost) -> list[Spot]:
    found = (whole_spot(name, rows, one.panel, cost) for name, rows in one.rows.items())
    return [spot for spot in found if spot is not None]


def _draw(axes: Axes, names: Sequence[str], spots: Sequence[Spot], cost: Cost, panel: Panel) -> None:
    by = scale((spot.cost for spot in spots), cost.unit)
    for spot in spots:
        look, judged = look_at(names.index(spot.series)), spot.judged
        x, height = by.of(spot.cost), judged.scaled(spot.outcome)
        bars: dict[str, Any] = {
            "xerr": [[x - by.of(spot.cost_low)], [by.of(spot.cost_high) - x]],
            "yerr": [[height - judged.scaled(spot.low)], [judged.scaled(spot.high) - height]],
        }
        style: dict[str, Any] = {"color": look.colour, "marker": look.marker, "elinewidth": 0.8, "linestyle": "none"}
        axes.errorbar([x], [height], **bars, **style, markerfacecolor=face(look, spot.quality), label=spot.series)
        cross(axes, x, height, look, spot.quality)
    axes.margins(x=0.1, y=0.08)
    unit = f" ({by.unit})" if by.unit else ""
    under = panel.scenario(cost.column)
    axes.set_xlabel(f"{cost.words}{unit}{f', {under}' if under else ''}")
