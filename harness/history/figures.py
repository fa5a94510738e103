"""Trends: a metric on one kind of machine over the states of the code, with the steps that were found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from harness.history.code import Code
from harness.history.findings import Step
from harness.history.series import Name, Series
from harness.plots.drawing import Drawing
from harness.plots.look import COLOURS, CONTROL, INK, LINES, MARKERS, canvas, legend_above, paper
from harness.wording import counted, slug

MOST_FIGURES = 12
NAMED = 4  # series of a figure that have a colour and stand in its legend: those with the largest steps
MOST_TICKS = 24


@dataclass(frozen=True)
class Trend:
    """The series of one metric on one kind of machine, all trials, and their steps."""

    metric: str
    machine: str
    series: tuple[Series, ...]
    steps: tuple[Step, ...]

    @property
    def is_relative(self) -> bool:
        """Whether values are shown as multiples of their series' first: a share of items is one already."""
        kind = self.series[0].kind
        return (kind.unit != "1" or kind.is_log) and all(_first(series) > 0 for series in self.series)


def trends(series: Sequence[Series], steps: Sequence[Step]) -> tuple[Trend, ...]:
    """One for each metric and kind of machine where a number changed at all: those with steps first, then by name."""
    grouped: dict[tuple[str, str], list[Series]] = {}
    for one in series:
        if one.numbers:
            grouped.setdefault((one.name.metric, machine_of(one.name)), []).append(one)
    found = [
        Trend(metric, machine, tuple(held), tuple(s for s in steps if any(s.series is one for one in held)))
        for (metric, machine), held in grouped.items()
    ]
    moving = (trend for trend in found if any(len(set(series.numbers)) > 1 for series in trend.series))
    return tuple(sorted(moving, key=lambda trend: (not trend.steps, trend.metric, trend.machine)))


def machine_of(name: Name) -> str:
    """A kind of machine as a figure names it."""
    return f"{name.machine_class}, {name.device}, {counted(name.threads, 'thread')}"


def drawings(found: Sequence[Trend], states: Sequence[Code]) -> Iterator[Drawing]:
    """Figures of the first trends."""
    for number, trend in enumerate(found[:MOST_FIGURES]):
        yield _drawing(trend, states, number)


def _drawing(trend: Trend, states: Sequence[Code], number: int) -> Drawing:
    held = {point.code for series in trend.series for point in series.points}
    places = {code: place for place, code in enumerate(code for code in states if code in held)}
    with paper():
        figure, axes = canvas(2.7)
        _draw(axes, trend, places)
        legend_above(figure, axes)
    shown = "as multiples of each trial's first value" if trend.is_relative else "as measured"
    text = (
        f"{trend.metric} of {counted(len(trend.series), 'trial')} over {counted(len(places), 'state')} of the code, "
        f"{shown}, on {trend.machine}. "
    )
    if trend.steps:
        text += f"Upright lines stand where a step was found ({len(trend.steps)} in all); grey are all other trials."
    else:
        text += "No step was found."
    return Drawing(
        f"trend-{number}-{slug(trend.metric)[:40]}", f"{trend.metric} over the states of the code", text, figure
    )


def _draw(axes: Axes, trend: Trend, places: dict[Code, int]) -> None:
    largest = sorted(trend.steps, key=lambda step: -abs(step.change or 0.0))
    named = list({id(step.series): step.series for step in largest}.values())[:NAMED]
    for series in (one for one in trend.series if all(one is not other for other in named)):
        axes.plot(*_curve(series, trend, places), color=CONTROL, linewidth=0.6, alpha=0.6, zorder=1)
    for rank, (series, label) in enumerate(zip(named, _labels(named), strict=True)):
        (curve,) = axes.plot(*_curve(series, trend, places), markersize=3, linewidth=1.1, label=label, zorder=2)
        curve.set(color=COLOURS[rank], marker=MARKERS[rank], linestyle=LINES[rank % len(LINES)])
    for old, new in {(places[step.old.code], places[step.new.code]) for step in trend.steps}:
        axes.axvline((old + new) / 2, color=INK, linewidth=0.6, linestyle=(0, (2, 2)), zorder=0)
    _name_states(axes, places)
    unit = trend.series[0].kind.unit
    axes.set_ylabel("multiple of the first" if trend.is_relative else unit if unit != "1" else "share")


def _curve(series: Series, trend: Trend, places: dict[Code, int]) -> tuple[list[int], list[float]]:
    scale = _first(series) if trend.is_relative else 1.0
    values = [float(point.value) / scale for point in series.points]
    return [places[point.code] for point in series.points], values


def _first(series: Series) -> float:
    return float(series.points[0].value)


def _labels(named: Sequence[Series]) -> list[str]:
    """Ids of trials without their digests, and without what all of them begin with."""
    parts = [series.name.trial.split("-")[:-1] or [series.name.trial] for series in named]
    same = 0
    while len(parts) > 1 and all(len(one) > same + 1 and one[same] == parts[0][same] for one in parts):
        same += 1
    return ["-".join(one[same:]) for one in parts]


def _name_states(axes: Axes, places: dict[Code, int]) -> None:
    each = -(-len(places) // MOST_TICKS)
    ticks = {place: code.label for code, place in places.items() if place % each == 0}
    axes.set_xticks(list(ticks), list(ticks.values()), rotation=90, fontsize=6)
    axes.set_xlim(-0.3, max(len(places) - 0.7, 0.3))
