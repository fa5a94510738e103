"""The figure of whole networks: a tile for each cost, and the same look for a network in all of them."""

from __future__ import annotations

from builders import Plan, records_of

from harness.plots.gallery import gallery
from harness.plots.look import look_at
from harness.results import latest
from harness.tables.cutting import panels
from harness.tables.frame import conditions, frame

PLAN = Plan(models=("attention", "mixer", "rows", "cycle"), seeds=(0, 1), criteria=("entropy",), counts=(2,))


def test_whole_networks_come_first_with_a_tile_for_each_cost() -> None:
    results = latest(records_of(PLAN))
    drawing = gallery(panels(frame(results), PLAN.criteria, conditions(results)), PLAN.criteria)[0]
    assert drawing.name == "networks-digits-fp32"
    tiles = drawing.figure.axes
    assert [axes.get_xlabel() for axes in tiles] == [
        "MACs (M)",
        "parameters (k)",
        "latency (ms), batch 1",
        "items/s (k), batch 64",
        "peak memory (MiB), batch 64",
    ]
    for axes in tiles:
        handles, names = axes.get_legend_handles_labels()
        assert set(names) == set(PLAN.models)
        colours = [handle.lines[0].get_color() for handle in handles]  # type: ignore[attr-defined]  # error bars
        assert colours == [look_at(place).colour for place in range(4)]
    assert set(drawing.data["cost"]) == {"macs", "params", "latency_s", "images_per_s", "peak_bytes"}
    assert len(drawing.data) == 4 * 5
    assert "bars along costs: from the lowest to the highest" in drawing.caption
