"""Figures of active hidden units: by depth, and against accuracy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from active_records import BUDGETS, MLPS, counted
from builders import records_of
from timed_records import PLAN, viewed

from harness.plots.accuracy_activity import accuracy_activity
from harness.plots.activity import activity_by_depth
from harness.plots.gallery import Beside, gallery
from harness.report.view import View


@pytest.fixture(scope="module")
def seen() -> View:
    return viewed(counted())


def test_every_network_is_a_line_over_all_depths(seen: View) -> None:
    drawing = activity_by_depth(seen.active)
    assert drawing is not None
    assert list(drawing.data["sublayer"]) == list(MLPS) * len(BUDGETS)
    assert list(drawing.data["depth"]) == [0, 1, 2] * len(BUDGETS)
    assert list(drawing.data["active_share"]) == [share for active in seen.active for share in active.mean]
    above, below = drawing.figure.axes
    assert [axes.get_title(loc="left") for axes in (above, below)] == ["as trained", "changed"]
    (line, *_) = above.get_lines()
    assert np.asarray(line.get_ydata()).tolist() == pytest.approx([100 * share for share in seen.active[0].mean])


def test_networks_as_trained_need_one_row_of_axes(seen: View) -> None:
    drawing = activity_by_depth(seen.active[:1])
    assert drawing is not None
    assert len(drawing.figure.axes) == 1
    assert activity_by_depth(()) is None


def test_the_curve_goes_from_few_units_to_many(seen: View) -> None:
    drawing = accuracy_activity(seen.good_table)
    assert drawing is not None
    assert list(drawing.data["transform"]) == ["top_2", "top_8", "none"]
    assert list(drawing.data["active_share"]) == sorted(drawing.data["active_share"])
    assert all(math.isfinite(value) for value in drawing.data["top1_deviation_share"])


def test_without_two_budgets_there_is_no_curve(seen: View) -> None:
    table = seen.good_table
    assert accuracy_activity(table[table["transform"] == "none"]) is None
    assert accuracy_activity(viewed(records_of(PLAN)).good_table) is None


def test_both_are_in_the_gallery_and_drawn_alike_each_time(seen: View) -> None:
    beside = Beside({}, (), seen.active, seen.good_table)
    first, again = ({d.name: d.svg for d in gallery((), (), beside=beside)} for _ in range(2))
    assert list(first) == ["activity", "accuracy_activity"]
    assert first == again
