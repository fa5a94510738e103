"""A figure of one's own: what is averaged, what is told, and what cannot be drawn."""

from __future__ import annotations

import pytest
from builders import Plan, index_of, records_of
from timed_records import timed, viewed

from harness.errors import HarnessError, SpecError, UnknownNameError
from harness.plots.axes import axis
from harness.plots.chart import chart
from harness.plots.drawing import Drawing
from harness.plots.picking import Wish, conditions
from harness.report.view import View, view_of
from harness.store import Reading
from harness.tables.columns import Column

PLAN = Plan(seeds=(0, 1, 2), criteria=("entropy", "last", "random"), draws=2, counts=(2, 4))


@pytest.fixture(scope="module")
def view() -> View:
    return view_of(index_of(PLAN), Reading(records_of(PLAN), ()))


def drawn(view: View, x: str, y: str, by: str | None = None, **where: str) -> Drawing:
    held = conditions([f"{name}={value}" for name, value in where.items()])
    found = chart(view.table, view.columns, Wish(x, y, by, held))
    assert found is not None
    return found


def test_a_point_is_the_mean_over_networks_with_their_deviation(view: View) -> None:
    data = drawn(view, "count", "top1", "criterion").data
    row = data[(data["criterion"] == "entropy") & (data["count"] == 4)].iloc[0]
    rows = view.table[(view.table["criterion"] == "entropy") & (view.table["count"] == 4)]
    assert row["top1_share"] == pytest.approx(rows["top1"].mean())
    assert row["top1_high_share"] - row["top1_share"] == pytest.approx(rows["top1"].std())
    assert (row["networks"], row["trials"]) == (3, 3)


def test_axes_have_the_words_and_units_of_their_columns(view: View) -> None:
    (axes,) = drawn(view, "latency_s", "top1", "criterion").figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("latency (ms)", "top-1 (%)")
    (axes,) = drawn(view, "macs", "speedup").figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("MACs (M)", "speed-up")


def test_a_column_under_conditions_says_them() -> None:
    column = Column("images_per_s@batch=32,image_size=16", "1/s", "")
    assert axis(column, [2e4]).label == "items/s (k), batch 32, image size 16"


def test_words_about_a_number_are_names_and_no_scale(view: View) -> None:
    data = drawn(view, "latency_s_quality", "top1").data
    assert sorted(data["latency_s_quality"]) == ["noisy", "ok"]


def test_names_stand_in_a_row_and_are_not_joined(view: View) -> None:
    drawing = drawn(view, "criterion", "top1_drop", count="4")
    (axes,) = drawing.figure.axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["entropy", "last", "random"]
    assert all(line.get_linestyle() == "None" for line in axes.lines)


def test_a_structure_that_many_share_shows_the_interval_of_its_one_measurement(view: View) -> None:
    data = drawn(view, "count", "speedup", criterion="entropy").data
    rows = view.table[(view.table["criterion"] == "entropy") & (view.table["count"] == 4)]
    row = data[data["count"] == 4].iloc[0]
    assert (row["speedup_low"], row["speedup_high"]) == (rows["speedup_low"].iloc[0], rows["speedup_high"].iloc[0])


def test_what_is_averaged_is_told(view: View) -> None:
    assert "Averaged over criterion (3)." in drawn(view, "count", "top1").caption
    assert "Averaged" not in drawn(view, "count", "top1", "criterion").caption
    assert "Averaged over count (2)." in drawn(view, "criterion", "top1").caption


def test_noisy_points_keep_their_mark(view: View) -> None:
    drawing = drawn(view, "count", "latency_s", "criterion")
    assert set(drawing.data.loc[drawing.data["count"] == 2, "quality"]) == {"noisy"}
    assert "Noisy timings are hollow" in drawing.caption


def test_the_baseline_is_beside_criteria_and_averaged_with_nothing_else(view: View) -> None:
    assert "baseline" in set(drawn(view, "latency_s", "top1", "criterion").data["criterion"])
    assert drawn(view, "recovery", "top1").data["trials"].sum() == 24


def test_a_measured_x_keeps_runtimes_apart() -> None:
    seen = viewed(timed())
    data = drawn(seen, "latency_s", "top1", "criterion").data
    assert len(data) == 2 * 2 * 2 + 2  # criteria, counts, runtimes; the baseline in both


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (Wish("latencys", "top1"), "--x: unknown column 'latencys'; did you mean 'latency_s'"),
        (Wish("count", "criterion"), "--y: criterion holds words"),
        (Wish("count", "top1", "id"), "--by: id has 24 values; at most 12"),
        (Wish("count", "top1", None, {"count": ("7",)}), "--where count: no trial has '7'; known: 2, 4"),
        (Wish("count", "top1", None, {"cuont": ("4",)}), "--where cuont: unknown column"),
    ],
)
def test_what_cannot_be_drawn_is_told_with_what_can(view: View, wish: Wish, message: str) -> None:
    with pytest.raises(HarnessError) as found:
        chart(view.table, view.columns, wish)
    assert message in str(found.value)
    assert isinstance(found.value, SpecError | UnknownNameError)


def test_a_condition_that_is_none_is_told() -> None:
    with pytest.raises(UnknownNameError, match="'count:4' is not COLUMN=VALUE"):
        conditions(["count:4"])


def test_columns_without_values_draw_nothing(view: View) -> None:
    assert chart(view.table, view.columns, Wish("budget", "top1")) is None
