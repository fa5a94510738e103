"""How few hidden units of MLPs fire, by depth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from harness.plots.drawing import Drawing
from harness.plots.look import Look, legend_above, look_at, paper, width_in
from harness.tables.activity import Active

ROW_IN, MARGIN_IN = 1.6, 0.6


def activity_by_depth(found: Sequence[Active]) -> Drawing | None:
    """A line per network, those as they were trained above those that were changed; None where nothing was counted."""
    rows = [row for row in ([a for a in found if a.is_plain], [a for a in found if not a.is_plain]) if row]
    if not rows:
        return None
    places = {active: look_at(place) for place, active in enumerate(active for row in rows for active in row)}
    with paper():
        figure = Figure(figsize=(width_in(), MARGIN_IN + ROW_IN * len(rows)))
        down: list[Axes] = list(figure.subplots(len(rows), 1, sharex=True, squeeze=False)[:, 0])
        for axes, row in zip(down, rows, strict=True):
            for active in row:
                _draw(axes, active, places[active])
            axes.set_ylim(bottom=0)
        for axes, name in zip(down, ("as trained", "changed"), strict=False):
            if len(rows) > 1:
                axes.set_title(name, loc="left", pad=2)
        down[-1].set_xlabel("depth (0: next to the input)")
        down[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.supylabel("hidden units that fire on a token (%)", fontsize=9)
        _legend(figure, down[0], [active for row in rows[1:] for active in row], places)
    caption = (
        "Share of the hidden units of each MLP that are above zero, mean over the tokens of the test items, by depth; "
        "networks with nothing removed. Bars: standard deviation over the seeds of a network."
    )
    return Drawing("activity", "Active hidden units by depth", caption, figure, pd.DataFrame(_points(found)))


def _draw(axes: Axes, active: Active, look: Look) -> None:
    mean, deviation = (100 * np.array(values) for values in (active.mean, active.deviation))
    style: dict[str, Any] = {
        "color": look.colour,
        "marker": look.marker,
        "linestyle": look.line,
        "ms": 3.2,
        "elinewidth": 0.8,
    }
    axes.errorbar(range(len(mean)), mean, yerr=deviation if deviation.any() else None, label=active.label, **style)


def _legend(figure: Figure, axes: Axes, below: Sequence[Active], places: Mapping[Active, Look]) -> None:
    """One for all axes, at the first of them."""
    for active in below:
        look = places[active]
        style: dict[str, Any] = {"color": look.colour, "marker": look.marker, "linestyle": look.line, "ms": 3.2}
        axes.errorbar([], [], label=active.label, **style)
    legend_above(figure, axes)


def _points(found: Sequence[Active]) -> Iterator[dict[str, object]]:
    for active in found:
        for depth, (mlp, mean, deviation) in enumerate(zip(active.mlps, active.mean, active.deviation, strict=True)):
            yield {
                "network": active.model,
                "recovery": active.recovery,
                "transform": active.transform,
                "networks": len(active.shares),
                "depth": depth,
                "sublayer": mlp,
                "active_share": mean,
                "active_deviation_share": deviation,
            }
