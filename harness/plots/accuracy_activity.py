"""Accuracy against how few hidden units fire, for networks that were given budgets of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter

from harness.plots.drawing import Drawing
from harness.plots.look import Look, canvas, legend_above, look_at, paper
from harness.stats import spread
from harness.tables.activity import SHARE
from harness.tables.columns import OUTCOME
from harness.tables.cutting import units
from harness.tables.panels import UNIT, with_values
from harness.tables.shares import per_network

KEY = ["model", "data", "recovery"]


@dataclass(frozen=True)
class Point:
    """A network under one transform: shares of active units and of right answers, one of each network."""

    transform: str
    active: list[float]
    right: list[float]

    @property
    def place(self) -> tuple[float, float]:
        """The means, in per cent."""
        return 100 * sum(self.active) / len(self.active), 100 * sum(self.right) / len(self.right)


def accuracy_activity(rows: pd.DataFrame) -> Drawing | None:
    """A line per network through its transforms, of `rows` of the trials table; None where no network has two."""
    series = _series(rows)
    if all(len(points) < 2 for points in series.values()):
        return None
    with paper():
        figure, axes = canvas()
        for place, (label, points) in enumerate(series.items()):
            _draw(axes, label, points, look_at(place))
        axes.set_xscale("log")
        axes.set_xlabel("hidden units that fire on a token (%)")
        axes.set_ylabel("test top-1 (%)")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        legend_above(figure, axes)
    caption = (
        "Test top-1 against the share of hidden units that fire on a token, networks with nothing removed, each as "
        "trained and under its transforms (named at the points); means, bars: standard deviation over seeds."
    )
    data = pd.DataFrame(_row(label, point) for label, points in series.items() for point in points)
    return Drawing("accuracy_activity", "Accuracy against active hidden units", caption, figure, data)


def _series(rows: pd.DataFrame) -> dict[str, list[Point]]:
    if SHARE not in rows or OUTCOME not in rows:
        return {}
    whole = with_values(with_values(rows[rows["criterion"].isna()].drop_duplicates("id"), SHARE), OUTCOME)
    whole = whole.assign(**{UNIT: units(whole)})
    found: dict[str, list[Point]] = {}
    for key, own in whole.groupby(KEY, dropna=False, sort=False):
        model, _, recovery = key
        label = ", ".join(word for word in (model, recovery) if isinstance(word, str) and word != "none")
        points = [
            Point(str(name), per_network(part, SHARE), per_network(part, OUTCOME))
            for name, part in own.groupby("transform", dropna=False, sort=False)
        ]
        found[label] = sorted(points, key=lambda point: point.place[0])
    return found


def _draw(axes: Axes, label: str, points: list[Point], look: Look) -> None:
    places = [point.place for point in points]
    bars = [100 * (spread(point.right) or 0.0) for point in points]
    style: dict[str, Any] = {
        "color": look.colour,
        "marker": look.marker,
        "linestyle": look.line,
        "ms": 3.6,
        "elinewidth": 0.8,
    }
    axes.errorbar([x for x, _ in places], [y for _, y in places], yerr=bars, label=label, **style)
    for point, (x, y) in zip(points, places, strict=True):
        if len(points) > 1 and point.transform != "none":
            axes.annotate(point.transform, (x, y), (2, -7), textcoords="offset points", fontsize=5, color=look.colour)


def _row(label: str, point: Point) -> dict[str, object]:
    x, y = point.place
    return {
        "network": label,
        "transform": point.transform,
        "networks": len(point.right),
        "active_share": x / 100,
        "top1_share": y / 100,
        "top1_deviation_share": spread(point.right) or 0.0,
    }
