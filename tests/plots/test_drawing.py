"""The files of a figure: formats, fonts, width, and its data as they are drawn."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from builders import Plan, records_of

from harness.plots.accuracy_count import accuracy_count
from harness.plots.depth import depth
from harness.plots.drawing import Drawing
from harness.plots.files import write_data, write_figures
from harness.plots.look import SIZES_IN, Size, looks, sized
from harness.results import latest
from harness.tables.cutting import panels
from harness.tables.frame import frame
from harness.tables.panels import Panel

PLAN = Plan(seeds=(0, 1, 2), criteria=("entropy", "random"), draws=2, counts=(2, 4))


@pytest.fixture(scope="module")
def panel() -> Panel:
    (found,) = panels(frame(latest(records_of(PLAN))), PLAN.criteria)
    return found


@pytest.fixture(scope="module")
def drawing(panel: Panel) -> Drawing:
    found = accuracy_count(panel, looks(PLAN.criteria, ("random",)))
    assert found is not None
    return found


def test_a_figure_is_a_vector_for_two_worlds_a_picture_and_a_table(drawing: Drawing, tmp_path: Path) -> None:
    write_figures([drawing], tmp_path)
    write_data([drawing], tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".svg", ".pdf", ".png", ".csv"}
    assert (tmp_path / f"{drawing.name}.pdf").read_bytes().startswith(b"%PDF")


def test_fonts_of_a_pdf_are_embedded_as_truetype_and_nothing_tells_when_or_by_what(
    drawing: Drawing, tmp_path: Path
) -> None:
    drawing.write(tmp_path / "a.pdf")
    raw = (tmp_path / "a.pdf").read_bytes()
    assert b"/CIDFontType2" in raw
    assert b"/FontFile2" in raw
    assert b"/Type3" not in raw
    assert not any(word in raw for word in (b"CreationDate", b"Producer", b"matplotlib"))


def test_the_same_figure_is_the_same_pdf(drawing: Drawing, panel: Panel, tmp_path: Path) -> None:
    again = accuracy_count(panel, looks(PLAN.criteria, ("random",)))
    assert again is not None
    drawing.write(tmp_path / "a.pdf")
    again.write(tmp_path / "b.pdf")
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()


def test_the_table_holds_what_is_drawn_in_base_units(drawing: Drawing) -> None:
    read = pd.read_csv(io.StringIO(drawing.csv))
    (axes,) = drawing.figure.axes
    (line,) = [line for line in axes.lines if line.get_label() == "entropy"]
    own = read[read["series"] == "entropy"]
    assert list(own["removed_count"]) == list(np.asarray(line.get_xdata()))
    assert list(100 * own["top1_share"]) == pytest.approx(list(np.asarray(line.get_ydata())))
    assert list(own["interval_over"]) == ["networks", "networks"]
    assert list(read.loc[read["series"] == "random", "interval_over"]) == ["draws", "draws"]


@pytest.mark.parametrize("size", ["column", "page"])
def test_a_figure_is_as_wide_as_a_column_or_a_page(panel: Panel, size: Size) -> None:
    with sized(size):
        found = depth(panel)
    assert found is not None
    assert found.figure.get_figwidth() == SIZES_IN[size]


def test_the_width_that_was_asked_for_once_is_forgotten(panel: Panel) -> None:
    with sized("page"):
        pass
    found = depth(panel)
    assert found is not None
    assert found.figure.get_figwidth() == SIZES_IN["column"]


def test_the_band_is_the_t_interval_over_networks(drawing: Drawing, panel: Panel) -> None:
    values = np.array(panel.values("top1", "entropy", 2))
    half = 4.302652729911275 * values.std(ddof=1) / np.sqrt(3)  # t at 97.5 % of two degrees of freedom
    row = drawing.data[(drawing.data["series"] == "entropy") & (drawing.data["removed_count"] == 2)].iloc[0]
    assert row["top1_low_share"] == pytest.approx(values.mean() - half)
    assert row["top1_high_share"] == pytest.approx(min(1.0, values.mean() + half))
