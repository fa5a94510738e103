"""Shares by depth: what stands where, what is hollow, and what the caption says of machine and batch."""

from __future__ import annotations

from typing import Any

import pytest
from builders import Plan, index_of
from matplotlib.axes import Axes
from singled import FACTS, WHOLE, all_shares, counted, timed, with_sublayers

from harness.plots.drawing import Drawing
from harness.plots.gallery import gallery
from harness.plots.look import PAPER
from harness.plots.sublayers import TIMED, shares_by_depth
from harness.report.view import view_of
from harness.store import Reading
from harness.tables.alone import apart

PLAN = Plan(seeds=(0,), criteria=("entropy", "similarity"), counts=(2,))


def drawn(*measurements: Any) -> Drawing:
    seen = view_of(index_of(PLAN), Reading(with_sublayers(PLAN, *measurements), ()))
    (drawing,) = shares_by_depth(apart(seen.results))
    return drawing


def axes_of(drawing: Drawing) -> dict[str, Axes]:
    return {axes.get_title(loc="left"): axes for axes in drawing.figure.axes}


def points(axes: Axes) -> dict[int, tuple[float, str]]:
    """Height in per cent and inside of each timed point, by depth."""
    found = {}
    for held in axes.containers:
        if hasattr(held, "has_yerr"):
            line = held.lines[0]  # type: ignore[attr-defined]  # error bars
            found[int(line.get_xdata()[0])] = line.get_ydata()[0], str(line.get_markerfacecolor())
    return found


def test_each_kind_has_axes_of_its_own_on_one_scale() -> None:
    held = axes_of(drawn(timed(all_shares())))
    assert list(held) == ["attention", "mlp"]
    assert held["attention"].get_ylim() == held["mlp"].get_ylim()


def test_bars_are_shares_of_the_whole_network() -> None:
    axes = axes_of(drawn(timed(all_shares())))["mlp"]
    macs, params = [[bar.get_height() for bar in axes.containers[number]] for number in (0, 1)]
    assert macs == pytest.approx([100 * FACTS["blocks.0.mlp"]["macs"] / WHOLE["macs"]] * 8)
    assert params == pytest.approx([100 * FACTS["blocks.0.mlp"]["params"] / WHOLE["params"]] * 8)


def test_points_are_shares_of_the_latency_at_their_depth() -> None:
    found = points(axes_of(drawn(timed(all_shares())))["mlp"])
    assert [found[depth][0] for depth in range(8)] == pytest.approx([4 + 0.2 * depth for depth in range(8)])


def test_noisy_points_are_hollow() -> None:
    drawing = drawn(timed(all_shares(), details={"noisy": ["blocks.3.attn"]}))
    found = points(axes_of(drawing)["attention"])
    assert [depth for depth, (_, inside) in found.items() if inside == PAPER] == [3]
    assert found[0][1] == TIMED.colour
    assert "noisy timings are hollow" in drawing.caption


def test_the_caption_names_batch_and_machine() -> None:
    drawing = drawn(timed(all_shares(), at={"batch": 4}))
    assert "(batch 4, x86-64, 8 cores, 2 threads)" in drawing.caption
    assert drawing.caption.endswith(".")


def test_a_figure_needs_a_timing() -> None:
    seen = view_of(index_of(PLAN), Reading(with_sublayers(PLAN, *counted()), ()))
    assert shares_by_depth(apart(seen.results)) == ()


def test_the_gallery_ends_with_it() -> None:
    seen = view_of(index_of(PLAN), Reading(with_sublayers(PLAN, timed(all_shares())), ()))
    names = [d.name for d in gallery(seen.panels, PLAN.criteria, (), seen.chosen, apart(seen.results))]
    assert names[-1] == "sublayers-vit-digits"


def test_many_blocks_of_one_kind_still_fit() -> None:
    drawing = drawn(timed({f"blocks.{depth}.attn": 0.05 for depth in range(8)}))
    drawing.figure.draw_without_rendering()
    assert list(axes_of(drawing)) == ["attention"]
