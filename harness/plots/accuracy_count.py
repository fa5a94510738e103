"""Accuracy against how much is removed, for each criterion, with random choice as a band."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, MaxNLocator

from harness.plots.drawing import Drawing
from harness.plots.look import BASELINE, Look, canvas, dodge, legend_above, paper
from harness.tables.columns import OUTCOME, OUTCOME_WORD
from harness.tables.panels import LEVEL, Panel
from harness.tables.shares import BARS, bars, mean_share

MOST_TICKS = 10


def accuracy_count(panel: Panel, look: Mapping[str, Look]) -> Drawing | None:
    """Test accuracy by count or budget; None when nothing was evaluated."""
    wide = panel.per_unit(OUTCOME)
    shown = [criterion for criterion in panel.criteria if wide[criterion].notna().to_numpy().any()]
    if not shown:
        return None
    bands = {name: band for name in shown if len(band := _band(panel, name)) > 1}
    at = partial(_position, panel)
    levels = [at(level) for level in panel.levels]
    gap = min((b - a for a, b in pairwise(levels)), default=1.0) if panel.cost else 1.0
    with paper():
        figure, axes = canvas(2.75)
        base = panel.baseline_values(OUTCOME)
        if base:
            level = 100 * float(np.mean(base))
            axes.axhline(level, color=BASELINE.colour, linestyle=BASELINE.line, linewidth=0.8, label="baseline")
        for i, criterion in enumerate(shown):
            own = panel.candidates[panel.candidates["criterion"] == criterion]
            found = {at(n): own[own[LEVEL] == n] for n in panel.levels if wide[criterion, n].notna().any()}
            if criterion in bands:
                _draw(axes, criterion, found, look[criterion], shift=0.0, has_bars=False)
            else:
                _draw(axes, criterion, found, look[criterion], dodge(i, len(shown), gap))
        for criterion, band in bands.items():
            x, low, high = zip(*band, strict=True)
            axes.fill_between(x, low, high, color=look[criterion].colour, alpha=0.22, linewidth=0, zorder=1)
        axes.set_xlabel(panel.axis)
        axes.set_ylabel(f"test {OUTCOME_WORD} (%)")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True) if len(levels) > MOST_TICKS else FixedLocator(levels))
        if len(levels) == 1:
            axes.set_xlim(levels[0] - 1, levels[0] + 1)
        legend_above(figure, axes)
    name, word = ("accuracy_budget", "budget") if panel.cost else ("accuracy_count", "count")
    return Drawing(f"{name}-{panel.slug}", f"Accuracy by {word}: {panel.label}", _caption(panel, bands), figure)


def _position(panel: Panel, level: float) -> float:
    return 100 * level if panel.cost else level


def _draw(
    axes: Axes,
    criterion: str,
    found: Mapping[float, pd.DataFrame],
    look: Look,
    shift: float,
    *,
    has_bars: bool = True,
) -> None:
    x = [count + shift for count in found]
    y = [100 * mean_share(rows) for rows in found.values()]
    reach = 100 * np.array([bars(rows) for rows in found.values()]).T if has_bars else None
    style: dict[str, Any] = {"color": look.colour, "linestyle": look.line, "marker": look.marker, "zorder": 3}
    axes.errorbar(x, y, yerr=reach, elinewidth=0.8, label=criterion, **style)


def _band(panel: Panel, criterion: str) -> list[tuple[float, float, float]]:
    ranges = ((level, panel.draw_range(OUTCOME, criterion, level)) for level in panel.levels)
    return [(_position(panel, level), 100 * found[0], 100 * found[1]) for level, found in ranges if found]


def _caption(panel: Panel, bands: Mapping[str, object]) -> str:
    by = f"share of {panel.cost} to be saved" if panel.cost else f"number of {panel.sublayers} removed"
    text = f"Test {OUTCOME_WORD} by {by} ({panel.label}): {panel.spread}."
    if panel.networks == 1:
        text += f" {BARS}"
    if bands:
        text += (
            f" Band of {', '.join(bands)}: lowest to highest mean over networks that any one draw gave;"
            " its line averages the draws. Markers are set slightly apart."
        )
    return text
