"""Speed-ups by runtime: one series each, doubts by shape and not by colour alone, outcomes drawn once."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import same_color
from timed_records import PLAN, changed, timed, viewed

from harness.plots.drawing import Drawing
from harness.plots.gallery import gallery
from harness.plots.look import PAPER
from harness.plots.realised import realised
from harness.plots.runtimes import PROMISE, runtime_speeds
from harness.records import Record
from harness.tables.cutting import of_outcomes


def drawn(records: list[Record], metric: str = "latency_s") -> Drawing:
    view = viewed(records)
    (named,) = of_outcomes(view.panels)
    drawing = runtime_speeds(view.panels, named, metric)
    assert drawing is not None
    return drawing


def labels(drawing: Drawing) -> list[str]:
    drawing.figure.draw_without_rendering()
    (legend,) = drawing.figure.legends
    return [text.get_text() for text in legend.get_texts()]


def with_quality(quality: str) -> list[Record]:
    return [changed(r, "latency_s", quality=quality) if r.trial.count == 4 else r for r in timed()]


def test_there_is_a_series_per_runtime_and_the_promise_of_the_macs() -> None:
    drawing = drawn(list(timed()))
    assert sorted(labels(drawing)) == sorted(["fp32", "bf16", PROMISE])
    assert drawing.title == "Speed-up by runtime (latency): vit_digits, attention"


def test_the_promise_is_whole_over_rest() -> None:
    (axes,) = drawn(list(timed())).figure.axes
    (line,) = [line for line in axes.lines if line.get_label() == PROMISE]
    saved, speed = (np.asarray(values, dtype=float) for values in line.get_data())
    assert speed == pytest.approx(1 / (1 - saved / 100))


@pytest.mark.parametrize("quality", ["noisy", "tainted"])
def test_doubtful_points_are_hollow_and_named_in_the_legend(quality: str) -> None:
    drawing = drawn(with_quality(quality))
    assert quality in labels(drawing)
    (axes,) = drawing.figure.axes
    lines = [line for line in axes.lines if np.size(np.asarray(line.get_xdata()))]
    hollow = [line for line in lines if same_color(str(line.get_markerfacecolor()), PAPER)]
    crosses = [line for line in lines if line.get_marker() == "x"]
    assert len(hollow) == 2
    assert len(crosses) == (2 if quality == "tainted" else 0)


def test_a_tainted_point_is_crossed_in_the_figure_of_one_runtime_too() -> None:
    plain = [r for r in with_quality("tainted") if r.trial.runtime == "fp32"]
    drawing = realised(viewed(plain).panels[0])
    assert drawing is not None
    assert "tainted" in labels(drawing)


def test_a_hopeless_interval_does_not_flatten_the_points() -> None:
    records = []
    for record in timed():
        m = next(m for m in record.measurements if m.metric == "latency_s")
        wild = tuple(sample / (40 if i % 2 else 1) for i, sample in enumerate(m.samples))
        is_wild = record.trial.count == 4 and record.trial.runtime == "fp32"
        records.append(changed(record, "latency_s", samples=wild) if is_wild else record)
    (axes,) = drawn(records).figure.axes
    assert axes.get_ylim()[1] < 60
    (calm,) = drawn(list(timed())).figure.axes
    assert calm.get_ylim()[1] < 2


def test_of_several_runtimes_outcomes_are_drawn_once() -> None:
    view = viewed(timed())
    names = [d.name.partition("-")[0] for d in gallery(view.panels, PLAN.criteria)]
    accuracies = ["accuracy_cost", "accuracy_count", "accuracy_machine"]
    assert names == [*accuracies, "depth", "runtimes_latency", "runtimes_throughput"]


def test_doubtful_macs_are_told_in_every_caption_that_shows_them() -> None:
    view = viewed(changed(record, "macs", warnings=("no formula for aten.odd",)) for record in timed())
    told = [d.name.partition("-")[0] for d in gallery(view.panels, PLAN.criteria) if "aten.odd" in d.caption]
    assert told == ["accuracy_cost", "runtimes_latency", "runtimes_throughput"]


def test_one_runtime_has_no_such_figure() -> None:
    view = viewed(record for record in timed() if record.trial.runtime == "fp32")
    assert runtime_speeds(view.panels, view.panels[0], "latency_s") is None
