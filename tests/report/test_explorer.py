"""What the interactive figures are given: every row of the table, in units of the axes, small, always the same."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

from builders import Plan, failed, index_of, records_of, without

from harness.records import Record
from harness.report.explorer import Explorer, explorer, series
from harness.report.trials import BASELINE, Trials, trials
from harness.report.view import view_of
from harness.store import Reading

PLAN = Plan(seeds=(0, 1), draws=2, counts=(2, 4), noisy_counts=(2,))
LOOKS = series(PLAN.criteria, ("random",))


def rows(records: tuple[Record, ...], plan: Plan = PLAN) -> Trials:
    found = trials(view_of(index_of(plan), Reading(records, ())))
    assert found is not None
    return found


def made(shown: Trials) -> Explorer:
    found = explorer(shown, LOOKS)
    assert found is not None
    return found


def columns(found: Explorer) -> dict[str, list[Any]]:
    """The columns of the one source, found by its name in Bokeh's document."""

    def searched(node: Any) -> Any:
        if isinstance(node, dict):
            if node.get("attributes", {}).get("name") == "trials":
                return dict(node["attributes"]["data"]["entries"])
            node = list(node.values())
        hits = (searched(item) for item in node) if isinstance(node, list) else ()
        return next((hit for hit in hits if hit), None)

    held: dict[str, list[Any]] = searched(json.loads(found.data)["doc"])
    return held


def test_marks_and_rows_of_the_table_are_the_same_in_the_same_order() -> None:
    records = records_of(PLAN)
    shown = rows((*records[:-1], failed(records[-1])))
    held = columns(made(shown))
    assert held["trial"] == [row[0] for row in shown.table.rows]
    assert held["criterion"] == list(shown.criteria)
    assert "failed" in shown.statuses


def test_values_have_the_unit_of_their_axis_and_a_baseline_saves_nothing() -> None:
    shown = rows(records_of(PLAN))
    held = columns(made(shown))
    assert held["macs_saved"][0] == 0
    assert math.isclose(held["macs_saved"][-1], 100 * shown.frame["macs_saved"].iloc[-1], rel_tol=1e-5)
    assert math.isclose(held["top1"][0], 100 * shown.frame["top1"].iloc[0], rel_tol=1e-5)


def test_doubted_timings_are_told() -> None:
    shown = rows(records_of(PLAN))
    doubts = dict(zip(shown.frame["id"], columns(made(shown))["doubt"], strict=True))
    assert all(is_doubted == ("-k2-" in name) for name, is_doubted in doubts.items())


def test_a_criterion_has_a_mark_of_its_own_beside_its_colour() -> None:
    assert LOOKS[0].name == BASELINE
    assert len({one.symbol for one in LOOKS}) == len({one.marker for one in LOOKS}) == len(LOOKS)
    assert next(one.look for one in LOOKS if one.name == "random") == "--control"


def test_a_study_of_costs_alone_shows_costs_against_each_other() -> None:
    costs = tuple(without(record, "top1") for record in records_of(PLAN))
    begins = made(rows(costs)).begins
    assert all("top1" not in name for pair in begins for name in pair)
    assert all(across != up for across, up in begins)


def test_a_study_that_measured_one_thing_has_nothing_to_explore() -> None:
    lone = tuple(
        without(record, "top1", "params", "latency_s", "images_per_s", "peak_bytes", "macs")
        for record in records_of(PLAN)
    )
    assert explorer(rows(lone), LOOKS) is None


def test_equal_records_give_equal_data_within_one_process() -> None:
    shown = rows(records_of(PLAN))
    assert made(shown) == made(shown)


def test_a_thousand_trials_are_far_below_six_megabytes() -> None:
    plan = replace(PLAN, seeds=tuple(range(20)), counts=(2, 3, 4, 5, 6), draws=8)
    shown = rows(records_of(plan), plan)
    found = made(shown)
    cells = sum(len(cell) for row in shown.table.rows for cell in row)
    assert len(shown.table.rows) >= 1000
    assert len(found.script) + len(found.data) + 3 * cells < 4_000_000
