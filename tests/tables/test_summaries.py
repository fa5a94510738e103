"""The printed tables: golden files, and the numbers in them against the records."""

from __future__ import annotations

import re
import statistics
from dataclasses import replace

from builders import Plan, elsewhere, failed, records_of, without
from golden_files import assert_golden

from harness.records import Record
from harness.results import latest
from harness.stats import wilson
from harness.tables.cutting import panels
from harness.tables.frame import conditions, frame
from harness.tables.marks import NOISY
from harness.tables.panels import Panel
from harness.tables.shares import WILSON
from harness.tables.summaries import accuracy_table, cost_table, cost_tables
from harness.tables.table import latex, markdown

PLAN = Plan(criteria=("entropy", "similarity", "random"), draws=2, counts=(2, 4))


def panel_of(plan: Plan, records: tuple[Record, ...] | None = None) -> Panel:
    results = latest(records_of(plan) if records is None else records)
    (panel,) = panels(frame(results), plan.criteria, conditions(results))
    return panel


def test_the_accuracy_table_is_golden() -> None:
    table = accuracy_table(panel_of(PLAN))
    assert_golden("accuracy.md", markdown(table))
    assert_golden("accuracy.tex", latex(table))


def test_the_cost_table_is_golden() -> None:
    table = cost_table(panel_of(PLAN))
    assert table is not None
    assert_golden("costs.md", markdown(table))
    assert_golden("costs.tex", latex(table))


def test_a_cell_is_the_mean_and_deviation_over_networks() -> None:
    values = [
        100 * m.value
        for record in records_of(PLAN)
        if record.trial.criterion == "entropy" and record.trial.count == 4
        for m in record.measurements
        if m.split == "test" and m.value is not None
    ]
    assert len(values) == 6
    cells = {row[0]: row[2] for row in accuracy_table(panel_of(PLAN)).rows}
    assert cells["entropy"] == f"{statistics.fmean(values):.1f} ± {statistics.stdev(values):.1f}"


def test_one_network_shows_no_deviation() -> None:
    table = accuracy_table(panel_of(elsewhere(PLAN, seeds=(0,))))
    assert not any("±" in cell for row in table.rows for cell in row)


def test_a_single_checkpoint_has_its_wilson_interval_and_a_mean_of_draws_has_none() -> None:
    plan = elsewhere(PLAN, seeds=(0,))
    table = accuracy_table(panel_of(plan))
    record = next(r for r in records_of(plan) if r.trial.criterion == "entropy" and r.trial.count == 4)
    correct = round(next(m.value or 0.0 for m in record.measurements if m.split == "test") * 360)
    low, high = 100 * wilson(correct, 360).low, 100 * wilson(correct, 360).high
    cells = {row[0]: row[2] for row in table.rows}
    assert cells["entropy"] == f"{100 * correct / 360:.1f} [{low:.1f}, {high:.1f}]"
    assert re.fullmatch(r"\d+\.\d", cells["random"])
    assert WILSON in table.notes
    assert WILSON not in accuracy_table(panel_of(PLAN)).notes


def test_missing_trials_leave_a_note() -> None:
    records = records_of(PLAN)
    table = accuracy_table(panel_of(PLAN, (*records[:-1], failed(records[-1]))))
    assert not any("missing" in note for note in table.notes)  # the other draw still stands for this network
    table = accuracy_table(panel_of(PLAN, (*records[:6], failed(records[6]), *records[7:])))
    assert any("missing or failed" in note for note in table.notes)


def test_noisy_timings_are_marked_and_exact_costs_are_not() -> None:
    table = cost_table(panel_of(PLAN))
    assert table is not None
    marked = {row[0]: [h for h, cell in zip(table.header, row, strict=True) if NOISY in cell] for row in table.rows}
    assert marked["2"] == ["latency (ms)", "speed-up", "realised", "items/s", "throughput gain"]
    assert marked["4"] == []


def test_equal_costs_are_told_once() -> None:
    same = panel_of(PLAN)
    trained = replace(same, shown=(*same.shown, "recovery"), key={**same.key, "recovery": "finetune"})
    (table,) = cost_tables([same, trained])
    assert table.rows == getattr(cost_table(same), "rows", None)
    assert table.notes[-1] == "The same for vit_digits, attention, finetune."
    assert len(cost_tables([same, panel_of(elsewhere(PLAN, counts=(2,)))])) == 2


def test_what_was_not_timed_has_no_medians_and_no_conditions() -> None:
    records = tuple(without(r, "latency_s", "images_per_s", "peak_bytes") for r in records_of(PLAN))
    table = cost_table(replace(panel_of(PLAN, records), conditions={"loss": "batch 1"}))
    assert table is not None
    assert table.notes == ("Means over the structures measured.",)


def test_without_costs_there_is_no_cost_table() -> None:
    assert cost_table(panel_of(elsewhere(PLAN, has_costs=False))) is None
