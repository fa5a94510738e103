"""Accuracy against the number of sublayers removed, for each criterion, with random choice as a band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, MaxNLocator

from harness.plots.drawing import Drawing
from harness.plots.look import BASELINE, Look, canvas, dodge, legend_above, paper
from harness.stats import spread
from harness.tables.columns import OUTCOME, OUTCOME_WORD
from harness.tables.panels import Panel

MOST_TICKS = 10


def accuracy_count(panel: Panel, look: Mapping[str, Look]) -> Drawing | None:
    """Test accuracy by count; None when nothing was evaluated."""
    wide = panel.per_unit(OUTCOME)
    shown = [criterion for criterion in panel.criteria if wide[criterion].notna().to_numpy().any()]
    if not shown:
        return None
    bands = {name: band for name in shown if len(band := _band(panel, name)) > 1}
    with paper():
        figure, axes = canvas(2.75)
        base = panel.baseline_values(OUTCOME)
        if base:
            level = 100 * float(np.mean(base))
            axes.axhline(level, color=BASELINE.colour, linestyle=BASELINE.line, linewidth=0.8, label="baseline")
        for i, criterion in enumerate(shown):
            values = {n: [float(v) for v in wide[criterion, n].dropna()] for n in panel.counts}
            if criterion in bands:
                _draw(axes, criterion, values, look[criterion], shift=0.0, has_bars=False)
            else:
                _draw(axes, criterion, values, look[criterion], dodge(i, len(shown), 1.0))
        for criterion, band in bands.items():
            x, low, high = zip(*band, strict=True)
            axes.fill_between(x, low, high, color=look[criterion].colour, alpha=0.22, linewidth=0, zorder=1)
        of = f" of {panel.of}" if panel.of else ""
        axes.set_xlabel(f"{panel.sublayers} removed{of}")
        axes.set_ylabel(f"test {OUTCOME_WORD} (%)")
        axes.xaxis.set_major_locator(
            MaxNLocator(integer=True) if len(panel.counts) > MOST_TICKS else FixedLocator(panel.counts)
        )
        if len(panel.counts) == 1:
            axes.set_xlim(panel.counts[0] - 1, panel.counts[0] + 1)
        legend_above(figure, axes)
    return Drawing(f"accuracy_count-{panel.slug}", f"Accuracy by count: {panel.label}", _caption(panel, bands), figure)


def _draw(
    axes: Axes,
    criterion: str,
    values: Mapping[int, Sequence[float]],
    look: Look,
    shift: float,
    *,
    has_bars: bool = True,
) -> None:
    held = {count: found for count, found in values.items() if found}
    x = [count + shift for count in held]
    y = [100 * float(np.mean(found)) for found in held.values()]
    bars = [100 * (spread(found) or 0.0) for found in held.values()] if has_bars else None
    style: dict[str, Any] = {"color": look.colour, "linestyle": look.line, "marker": look.marker, "zorder": 3}
    axes.errorbar(x, y, yerr=bars, elinewidth=0.8, label=criterion, **style)


def _band(panel: Panel, criterion: str) -> list[tuple[int, float, float]]:
    ranges = ((count, panel.draw_range(OUTCOME, criterion, count)) for count in panel.counts)
    return [(count, 100 * found[0], 100 * found[1]) for count, found in ranges if found]


def _caption(panel: Panel, bands: Mapping[str, object]) -> str:
    text = f"Test {OUTCOME_WORD} by number of {panel.sublayers} removed ({panel.label}): {panel.spread}."
    if bands:
        text += (
            f" Band of {', '.join(bands)}: lowest to highest mean over networks that any one draw gave;"
            " its line averages the draws. Markers are set slightly apart."
        )
    return text
