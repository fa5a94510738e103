"""Accuracy against a cost: where points stand, what is the front, and what is shown beside."""

from __future__ import annotations

import numpy as np
import pytest
from builders import Plan, elsewhere, records_of
from timed_records import BF16, changed, in_runtime

from harness.plots.accuracy_cost import accuracy_cost, accuracy_machine
from harness.plots.accuracy_count import accuracy_count
from harness.plots.costs import ON_MACHINE, PARAMS, SAVED, baseline_spot, dense_spots, front, says_more, spots
from harness.plots.look import looks
from harness.records import Record
from harness.results import latest
from harness.tables.cutting import panels
from harness.tables.frame import conditions, frame
from harness.tables.panels import Panel
from harness.tables.published_accuracies import Published

PLAN = Plan(seeds=(0, 1), criteria=("entropy", "last"), counts=(2, 4))
LATENCY = ON_MACHINE[0]


def panel_of(plan: Plan = PLAN, records: tuple[Record, ...] | None = None) -> Panel:
    results = latest(records_of(plan) if records is None else records)
    (panel,) = panels(frame(results), plan.criteria, conditions(results))
    return panel


def test_a_time_is_the_baselines_changed_by_the_ratio_of_what_was_timed_in_turn() -> None:
    panel = panel_of()
    (whole,) = baseline_spot(panel, LATENCY)
    own = next(spot for spot in spots(panel, LATENCY) if (spot.series, spot.removed) == ("entropy", 4))
    rows = panel.candidates[(panel.candidates["criterion"] == "entropy") & (panel.candidates["count"] == 4)]
    ratio, low, high = (float(rows[name].iloc[0]) for name in ("speedup", "speedup_low", "speedup_high"))
    assert own.cost == pytest.approx(whole.cost / ratio)
    assert (own.cost_low, own.cost_high) == pytest.approx((whole.cost / high, whole.cost / low))


def test_accuracies_are_means_over_networks_with_their_deviation() -> None:
    (one, *_) = spots(panel_of(), SAVED)
    values = panel_of().values("top1", "entropy", 2)
    assert (one.outcome, one.high) == pytest.approx((np.mean(values), np.mean(values) + np.std(values, ddof=1)))


def test_a_faster_point_that_keeps_more_beats_others_and_a_larger_rate_is_better() -> None:
    panel = panel_of()
    for cost in (LATENCY, ON_MACHINE[1]):
        found = [*baseline_spot(panel, cost), *spots(panel, cost)]
        best = front(found, cost)
        for spot in found:
            sign = -1 if cost.better == "lower" else 1
            beaten = [o for o in found if o.outcome > spot.outcome and sign * o.cost > sign * spot.cost]
            assert not (beaten and spot in best)
            assert beaten or spot in best or any(o.cost == spot.cost for o in best)


def test_equal_costs_that_differ_by_rounding_put_the_worse_off_the_front() -> None:
    first, second, *_ = spots(panel_of(), SAVED)
    same = [
        first.__class__(**{**vars(first), "cost": 0.3, "outcome": 0.9}),
        second.__class__(**{**vars(second), "cost": 0.3 + 1e-13, "outcome": 0.8}),
    ]
    assert front(same, SAVED) == same[:1]


def test_parameters_that_follow_the_macs_are_no_figure_of_their_own() -> None:
    panel = panel_of()
    assert not says_more(panel, PARAMS)
    records = tuple(
        changed(r, "params", value=1e6 - (r.trial.count or 0) ** 3 * (1 + (r.trial.criterion == "last")))
        for r in records_of(PLAN)
    )
    assert says_more(panel_of(records=records), PARAMS)


def test_what_the_machine_needs_is_one_figure_with_an_axis_for_each_cost() -> None:
    panel = panel_of()
    drawing = accuracy_machine(panel, looks(panel.criteria))
    assert drawing is not None
    labels = [axes.get_xlabel() for axes in drawing.figure.axes]
    assert labels == ["latency (ms), batch 1", "items/s (k), batch 64", "peak memory (MiB), batch 64"]
    assert set(drawing.data["cost"]) == {"latency_s", "images_per_s", "peak_bytes"}
    assert set(drawing.data.loc[drawing.data["removed_count"] == 2, "cost_quality"]) >= {"noisy"}


def test_without_anything_timed_there_is_no_such_figure() -> None:
    panel = panel_of(elsewhere(PLAN, has_costs=False))
    assert accuracy_machine(panel, looks(panel.criteria)) is None


def test_published_accuracies_stand_at_our_cost_of_as_many_removed() -> None:
    panel = panel_of()
    published = [Published("a_paper", "vit_digits", "attention", count, 0.5) for count in (2, 3)]
    drawing = accuracy_cost(panel, looks(panel.criteria), published)
    assert drawing is not None
    (row,) = drawing.data[drawing.data["kind"] == "published"].to_dict("records")
    own = next(spot for spot in spots(panel, SAVED) if spot.removed == 2)
    assert (row["removed_count"], row["top1_share"], row["cost_value"]) == (2, 0.5, own.cost)
    assert not row["is_on_front"]
    assert "with their own training" in drawing.caption


def test_published_accuracies_far_below_our_means_are_in_sight() -> None:
    panel = panel_of()
    drawing = accuracy_count(panel, looks(panel.criteria), [Published("a_paper", "vit_digits", "attention", 2, 0.2)])
    assert drawing is not None
    assert drawing.figure.axes[0].get_ylim()[0] < 20


def test_what_another_machine_needed_is_no_cost_of_this_one() -> None:
    elsewhere_only = tuple(
        record.model_copy(update={"environment": record.environment.model_copy(update={"machine_class": "gpu-aa"})})
        for record in records_of(PLAN)
        if record.trial.criterion is None and record.environment is not None
    )
    candidates = tuple(record for record in records_of(PLAN) if record.trial.criterion)
    results = latest((*elsewhere_only, *candidates))
    (panel,) = panels(frame(results), PLAN.criteria, conditions(results))
    assert baseline_spot(panel, LATENCY) == []
    assert [spot.cost for spot in baseline_spot(panel, SAVED)] == [0.0]
    (own, *_) = spots(panel, LATENCY)
    rows = panel.trials(own.series, own.removed)
    assert own.cost == pytest.approx(rows["latency_s"].dropna().median())


def test_a_whole_network_beside_a_panel_has_the_times_of_its_runtime() -> None:
    dense = [
        record.model_copy(update={"trial": record.trial.model_copy(update={"id": f"small-{n}", "model": "small"})})
        for n, record in enumerate(records_of(PLAN))
        if record.trial.criterion is None
    ]
    records = [*records_of(PLAN), *dense]
    results = latest([*records, *(in_runtime(record, "bf16", BF16, 4.0) for record in records)])
    found = panels(frame(results), PLAN.criteria, conditions(results), references=("small",))
    plain, half = (
        {spot.cost for panel in found if panel.key["runtime"] == name for spot in dense_spots(panel, LATENCY)}
        for name in ("fp32", "bf16")
    )
    assert max(half) == pytest.approx(max(plain) / 4)


def test_the_ends_of_bars_along_a_cost_are_explained_where_there_are_any() -> None:
    panel = panel_of()
    figures = accuracy_cost(panel, looks(panel.criteria)), accuracy_machine(panel, looks(panel.criteria))
    assert all(drawing is not None and "Bars along the saving" not in drawing.caption for drawing in figures)
    records = tuple(
        changed(r, "macs", value=7e6 - 1e6 * (r.trial.count or 0) * (1 + 0.1 * (r.trial.model_seed or 0)))
        for r in records_of(PLAN)
    )
    ranged = accuracy_cost(panel_of(records=records), looks(panel.criteria))
    assert ranged is not None
    assert "Bars along the saving: from the least to the most" in ranged.caption
