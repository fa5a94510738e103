"""The matrix of how sure selections are."""

from __future__ import annotations

import numpy as np
import pytest
from assured import assured
from builders import Plan, index_of

from harness.plots.stability import stability_matrix
from harness.report.view import view_of
from harness.store import Reading
from harness.tables.selections import by_criterion, mean_at

PLAN = Plan(seeds=(0, 1), criteria=("entropy", "similarity"), counts=(2,))


def test_a_cell_is_the_mean_tau_of_a_criterion_on_so_many_items() -> None:
    records = assured(PLAN)
    ((panel, chosen),) = view_of(index_of(PLAN), Reading(records, ())).chosen
    drawing = stability_matrix(panel, chosen)
    assert drawing is not None
    own = by_criterion(chosen)["similarity"]
    row = drawing.data[(drawing.data["criterion"] == "similarity") & (drawing.data["calibration_items"] == 64)].iloc[0]
    assert row["tau"] == pytest.approx(mean_at(own, "sizes", "64", "tau"))
    (axes,) = drawing.figure.axes
    (mesh,) = [c for c in axes.collections if c.get_array() is not None]
    assert np.ma.asarray(mesh.get_array()).size == 2 * 3


def test_one_criterion_is_no_matrix() -> None:
    ((panel, chosen),) = view_of(index_of(PLAN), Reading(assured(PLAN), ())).chosen
    assert stability_matrix(panel, by_criterion(chosen)["entropy"]) is None
