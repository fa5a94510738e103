"""Panels: what may be averaged is, draws before networks, and what differs is kept apart."""

from __future__ import annotations

import statistics

import pandas as pd
import pytest
from builders import Plan, elsewhere, records_of

from harness.results import latest
from harness.tables.cutting import panels
from harness.tables.frame import frame
from harness.tables.panels import Panel

PLAN = Plan(seeds=(0, 1, 2), criteria=("entropy", "random"), draws=3, counts=(2, 4), contrast=None)


def panels_of(plan: Plan) -> tuple[Panel, ...]:
    return panels(frame(latest(records_of(plan))), plan.criteria)


def test_draws_are_averaged_within_a_network_first() -> None:
    (panel,) = panels_of(PLAN)
    rows = panel.candidates[(panel.candidates["criterion"] == "random") & (panel.candidates["count"] == 4)]
    expected = [statistics.fmean(rows[rows["model_seed"] == seed]["top1"]) for seed in (0, 1, 2)]
    assert panel.values("top1", "random", 4) == pytest.approx(expected)


def test_the_range_of_draws_is_that_of_their_means_over_networks() -> None:
    (panel,) = panels_of(PLAN)
    rows = panel.candidates[(panel.candidates["criterion"] == "random") & (panel.candidates["count"] == 4)]
    means = [statistics.fmean(rows[rows["draw"] == draw]["top1"]) for draw in range(3)]
    assert panel.draw_range("top1", "random", 4) == pytest.approx((min(means), max(means), 3))
    assert panel.draw_range("top1", "entropy", 4) is None


def test_a_panel_knows_its_counts_and_its_middle() -> None:
    (panel,) = panels_of(PLAN)
    assert (panel.levels, panel.middle, panel.of) == ((2, 4), 2, 8)
    (odd,) = panels_of(elsewhere(PLAN, counts=(2, 3, 6)))
    assert odd.middle == 3


def test_models_have_panels_of_their_own_and_labels_say_which() -> None:
    first, second = panels_of(elsewhere(PLAN, models=("large", "small")))
    assert (first.label, second.label) == ("large, attention", "small, attention")
    assert set(first.baselines["model"]) == {"large"}
    assert first.slug == "large-attention"


def test_machine_classes_are_never_averaged() -> None:
    records = [*records_of(PLAN), *records_of(elsewhere(PLAN, machine_class="gpu-1"))]
    found = panels(frame(latest(records)), PLAN.criteria)
    assert [p.label for p in found] == ["vit_digits, attention, cpu-5f2c9a", "vit_digits, attention, gpu-1"]
    assert set(found[1].baselines["machine_class"]) == {"gpu-1"}


def test_criteria_stand_in_the_studys_order() -> None:
    (panel,) = panels(frame(latest(records_of(PLAN))), ("random", "absent", "entropy"))
    assert panel.criteria == ("random", "entropy")


def test_a_column_that_nobody_measured_is_empty_and_no_error() -> None:
    (panel,) = panels_of(elsewhere(PLAN, has_costs=False))
    assert panel.values("speedup", "entropy", 2) == []
    assert panel.baseline_values("latency_s") == []


def test_without_an_ok_candidate_there_is_no_panel() -> None:
    baselines = [record for record in records_of(PLAN) if record.trial.criterion is None]
    assert panels(frame(latest(baselines)), PLAN.criteria) == ()
    assert panels(frame([]), ()) == ()


def test_blocks_are_called_blocks() -> None:
    table = frame(latest(records_of(PLAN)))
    table = table.assign(target=table["target"].where(table["target"].isna(), "block"))
    (panel,) = panels(pd.DataFrame(table), PLAN.criteria)
    assert panel.sublayers == "blocks"
