"""Accuracy against compute: what each criterion keeps, and which points no other beats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from harness.plots.drawing import Drawing
from harness.plots.look import BASELINE, GRID, INK, PAPER, Look, canvas, dodge, legend_above, paper
from harness.stats import pareto
from harness.tables.columns import OUTCOME, OUTCOME_WORD
from harness.tables.marks import count_notes
from harness.tables.panels import Panel, with_values
from harness.tables.shares import BARS, bars
from harness.tables.summaries import measured_structures

BETTER = {"accuracy": "higher", "saved": "higher"}
DENSE = ("p", "d", "8", "H")  # markers that no criterion has


@dataclass(frozen=True)
class Point:
    """One criterion at one count, or the baseline: per cent, over networks; bars reach so far down and up."""

    series: str
    saved: float
    accuracy: float
    reach: tuple[float, float] = (0.0, 0.0)

    @property
    def bars(self) -> list[list[float]]:
        """As matplotlib wants them for one point."""
        return [[self.reach[0]], [self.reach[1]]]


def accuracy_cost(panel: Panel, look: Mapping[str, Look]) -> Drawing | None:
    """Test accuracy against saved MACs with the Pareto front; None without accuracies and MACs."""
    points = _points(panel)
    if not points:
        return None
    base = panel.baseline_values(OUTCOME)
    start = [Point("baseline", 0.0, 100 * float(np.mean(base)), _reach(panel.baselines))] if base else []
    everything = start + points
    front = pareto([{"accuracy": p.accuracy, "saved": p.saved} for p in everything], BETTER)
    best = sorted((p for p, keeps in zip(everything, front, strict=True) if keeps), key=lambda p: p.saved)
    with paper():
        figure, axes = canvas(2.75)
        _draw_series(axes, panel, points, best, look)
        if start:
            shown = start[0]
            style: dict[str, Any] = {
                "color": INK,
                "marker": BASELINE.marker,
                "markersize": 8,
                "linestyle": "none",
                "zorder": 4,
            }
            axes.errorbar([0.0], [shown.accuracy], yerr=shown.bars, elinewidth=0.8, label="baseline", **style)
        dense = _dense(panel)
        _draw_dense(axes, dense)
        _draw_front(axes, best)
        axes.set_xlabel("MACs saved (%)")
        axes.set_ylabel(f"test {OUTCOME_WORD} (%)")
        axes.margins(x=0.04, y=0.06)
        legend_above(figure, axes)
    caption = (
        f"Test {OUTCOME_WORD} against saved multiply-accumulates ({panel.label}): {panel.spread}. "
        "Grey: Pareto front of the means; filled markers lie on it, hollow ones are dominated. "
        "Points at equal MACs are set slightly apart."
    )
    if panel.networks == 1:
        caption += f" {BARS}"
    if dense:
        caption += " Dense: whole networks beside the study, trained by themselves; the front leaves them out."
    caption = " ".join((caption, *count_notes(measured_structures(panel.candidates))))
    return Drawing(f"accuracy_cost-{panel.slug}", f"Accuracy against compute: {panel.label}", caption, figure)


def _points(panel: Panel) -> list[Point]:
    accuracy, saved = panel.per_unit(OUTCOME), panel.per_unit("macs_saved")
    found = []
    for criterion in panel.criteria:
        for level in panel.levels:
            values = [float(v) for v in accuracy[criterion, level].dropna()]
            costs = [float(v) for v in saved[criterion, level].dropna()]
            if values and costs:
                own = panel.at(level)
                reach = _reach(own[own["criterion"] == criterion])
                found.append(Point(criterion, 100 * float(np.mean(costs)), 100 * float(np.mean(values)), reach))
    return found


def _reach(rows: pd.DataFrame) -> tuple[float, float]:
    """In points."""
    down, up = bars(rows)
    return 100 * down, 100 * up


def _dense(panel: Panel) -> list[Point]:
    """Whole networks beside the study, their MACs against those of the baseline."""
    whole = with_values(panel.baselines, "macs")["macs"]
    found = []
    for model, rows in panel.references.groupby("model", sort=False) if len(whole) else ():
        values = [100 * float(v) for v in with_values(rows, OUTCOME)[OUTCOME]]
        macs = with_values(rows, "macs")["macs"]
        if values and len(macs):
            saved = 100 * (1 - float(macs.mean()) / float(whole.mean()))
            found.append(Point(str(model), saved, float(np.mean(values)), _reach(rows)))
    return found


def _draw_dense(axes: Axes, dense: list[Point]) -> None:
    marks: dict[str, Any] = {"color": INK, "markerfacecolor": PAPER, "linestyle": "none", "elinewidth": 0.8}
    for point, marker in zip(dense, cycle(DENSE)):
        where: dict[str, Any] = {"x": [point.saved], "y": [point.accuracy], "yerr": point.bars}
        axes.errorbar(**where, marker=marker, markersize=5.5, zorder=3.5, label=f"{point.series} (dense)", **marks)


def _draw_front(axes: Axes, best: list[Point]) -> None:
    x, y = [p.saved for p in best], [p.accuracy for p in best]
    axes.plot(x, y, color=GRID, linewidth=6, solid_capstyle="round", zorder=1.5, label="Pareto front")


def _draw_series(axes: Axes, panel: Panel, points: list[Point], best: list[Point], look: Mapping[str, Look]) -> None:
    places = sorted({round(p.saved, 6) for p in points})
    gap = min(np.diff(places), default=1.0)
    for i, criterion in enumerate(panel.criteria):
        own = [p for p in points if p.series == criterion]
        style, shift = look[criterion], dodge(i, len(panel.criteria), float(gap))
        x, y = np.array([p.saved + shift for p in own]), np.array([p.accuracy for p in own])
        axes.plot(x, y, color=style.colour, linestyle=style.line, linewidth=0.9, zorder=2)
        reach = np.array([p.reach for p in own]).T
        axes.errorbar(x, y, yerr=reach, fmt="none", ecolor=style.colour, elinewidth=0.8, zorder=2.2)
        marks: dict[str, Any] = {"color": style.colour, "marker": style.marker, "linestyle": "none", "zorder": 3}
        hollow = np.array([p not in best for p in own], dtype=bool)
        axes.plot(x[hollow], y[hollow], markerfacecolor=PAPER, **marks)
        axes.plot(x[~hollow], y[~hollow], **marks)
        axes.plot([], [], color=style.colour, linestyle=style.line, marker=style.marker, label=criterion)
