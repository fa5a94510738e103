"""The figures: same bytes from the same records, no machine in them, and one for whatever the records can fill."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builders import Plan, elsewhere, records_of
from PIL import Image

from harness.plots.drawing import Drawing
from harness.plots.gallery import gallery
from harness.plots.look import COLOURS, WIDTH_IN, looks
from harness.results import latest
from harness.tables.cutting import panels
from harness.tables.frame import conditions, frame
from harness.tables.panels import Panel

PLAN = Plan(seeds=(0, 1, 2), criteria=("entropy", "similarity", "random"), draws=2, counts=(2, 3, 4))
FIVE = ["accuracy_cost", "accuracy_count", "accuracy_machine", "depth", "realised"]


def panels_of(plan: Plan) -> tuple[Panel, ...]:
    results = latest(records_of(plan))
    return panels(frame(results), plan.criteria, conditions(results))


def drawn(plan: Plan) -> dict[str, Drawing]:
    return {d.name.partition("-")[0]: d for d in gallery(panels_of(plan), plan.criteria, ("random",))}


@pytest.fixture(scope="module")
def figures() -> dict[str, Drawing]:
    return drawn(PLAN)


def test_a_whole_study_fills_five_figures(figures: dict[str, Drawing]) -> None:
    assert list(figures) == FIVE


def test_the_same_records_give_the_same_bytes(figures: dict[str, Drawing], tmp_path: Path) -> None:
    again = drawn(PLAN)
    for name, figure in figures.items():
        assert figure.svg == again[name].svg
        figure.write_png(tmp_path / "a.png")
        again[name].write_png(tmp_path / "b.png")
        assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_figures_hold_no_date_and_no_program(figures: dict[str, Drawing], tmp_path: Path) -> None:
    for figure in figures.values():
        assert not re.search(r"dc:date|Matplotlib v|<metadata", figure.svg)
        figure.write_png(tmp_path / "a.png")
        with Image.open(tmp_path / "a.png") as image:
            assert set(image.info) <= {"dpi"}


def test_a_png_is_a_column_wide_at_200_dpi(figures: dict[str, Drawing], tmp_path: Path) -> None:
    figures["depth"].write_png(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.width == 200 * WIDTH_IN


def test_letters_are_outlines_and_need_no_font(figures: dict[str, Drawing]) -> None:
    assert all("<text" not in figure.svg for figure in figures.values())


def test_every_caption_is_a_sentence_about_its_panel(figures: dict[str, Drawing]) -> None:
    for figure in figures.values():
        assert figure.caption.endswith(".")
        assert "vit_digits, attention" in figure.caption


def test_the_band_of_random_is_explained(figures: dict[str, Drawing]) -> None:
    assert "lowest to highest mean over networks that any one draw gave" in figures["accuracy_count"].caption


def test_legends_stay_outside_the_axes(figures: dict[str, Drawing]) -> None:
    for name in ("accuracy_cost", "accuracy_count", "accuracy_machine", "realised"):
        figure = figures[name].figure
        figure.draw_without_rendering()
        (legend,) = figure.legends
        assert all(legend.get_window_extent().y0 >= axes.get_window_extent().y1 for axes in figure.axes)


def test_the_heat_map_holds_the_share_of_networks(figures: dict[str, Drawing]) -> None:
    (axes,) = figures["depth"].figure.axes
    (mesh,) = [c for c in axes.collections if c.get_array() is not None]
    shares = np.asarray(mesh.get_array()).reshape(3, 8)
    (panel,) = panels_of(PLAN)
    rows = panel.candidates[(panel.candidates["criterion"] == "entropy") & (panel.candidates["count"] == 3)]
    expected = [np.mean([str(d) in text.split() for text in rows["depths"]]) for d in range(8)]
    assert shares[0] == pytest.approx(expected)
    assert shares.sum(axis=1) == pytest.approx([3.0, 3.0, 3.0])


def test_a_map_that_two_panels_share_is_drawn_once_and_names_the_other() -> None:
    (panel,) = panels_of(PLAN)
    fewer = panel.candidates[panel.candidates["model_seed"] == 0]
    twin, other = (
        replace(panel, key={**panel.key, "recovery": name}, shown=("recovery",)) for name in ("its twin", "another")
    )
    twins = (panel, twin, replace(other, candidates=fewer))
    first, second = (d for d in gallery(twins, PLAN.criteria, ("random",)) if d.name.startswith("depth"))
    assert first.title.endswith(panel.label)
    assert first.caption.endswith("The same for its twin.")
    assert second.title.endswith("another")


def test_long_labels_are_cut_and_take_fewer_columns() -> None:
    names = tuple(f"a_criterion_with_a_very_long_label_{i}" for i in range(5))
    figure = drawn(elsewhere(PLAN, criteria=names, seeds=(0,)))["accuracy_count"].figure
    figure.draw_without_rendering()
    (legend,) = figure.legends
    assert legend.get_window_extent().width <= figure.bbox.width
    assert all(len(text.get_text()) <= 28 for text in legend.get_texts())


def test_criteria_differ_in_colour_marker_and_line() -> None:
    found = list(looks(["a", "b", "c", "d"]).values())
    for part in ("colour", "marker", "line"):
        assert len({str(getattr(look, part)) for look in found}) == 4
    assert set(COLOURS) >= {look.colour for look in found}


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"has_costs": False}, ["accuracy_count", "depth"]),
        ({"seeds": (0,)}, FIVE),
        ({"counts": (3,)}, FIVE),
        ({"criteria": ("entropy",)}, FIVE),
        (
            {"criteria": ("random",), "draws": 1, "seeds": (0,), "counts": (1,)},
            FIVE,
        ),
        (
            {"criteria": tuple("abcdefghij"), "seeds": (0,)},
            FIVE,
        ),
    ],
)
def test_partial_studies_draw_what_they_can(changes: dict[str, object], names: list[str]) -> None:
    figures = drawn(elsewhere(PLAN, **changes))
    assert list(figures) == names
    for figure in figures.values():
        figure.figure.draw_without_rendering()


def test_no_panels_draw_nothing() -> None:
    assert gallery((), ("entropy",)) == ()
