"""Results in the spellings of other tools, against what these document; nothing of the machine's own is in them."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import numpy as np
import pytest
from builders import Plan, elsewhere, failed, index_of, records_of
from timed_records import changed

from harness.exports.base import Results
from harness.exports.catalogue import EXPORTS
from harness.report.view import view_of
from harness.store import Reading

PLAN = Plan(seeds=(0, 1), criteria=("entropy",), counts=(2,), contrast=None)


def given(*plans: Plan) -> Results:
    records = tuple(record for plan in plans or (PLAN,) for record in records_of(plan))
    seen = view_of(index_of(PLAN), Reading(records, ()))
    return Results(PLAN.study, seen.results, seen.table, seen.columns)


def loaded(name: str, *plans: Plan) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(EXPORTS[name].write(given(*plans)))
    return found


def test_timm_has_its_columns_in_its_units() -> None:
    rows = list(csv.DictReader(io.StringIO(EXPORTS["timm"].write(given()).decode())))
    assert list(rows[0])[:7] == ["model", "top1", "top1_err", "top5", "top5_err", "param_count", "img_size"]
    row = next(row for row in rows if row["criterion"] == "entropy")
    record = next(r for r in records_of(PLAN) if r.trial.id == row["model"])
    held = {(m.metric, m.split): m.value or 0.0 for m in record.measurements}
    assert float(row["top1"]) == pytest.approx(100 * held["top1", "test"], abs=1e-4)
    assert float(row["top1"]) + float(row["top1_err"]) == pytest.approx(100)
    assert float(row["param_count"]) == round(held["params", None] / 1e6, 2)
    assert float(row["infer_samples_per_sec"]) == round(held["images_per_s", None], 2)
    assert float(row["infer_step_time"]) == pytest.approx(64e3 / held["images_per_s", None], rel=1e-3)
    assert row["infer_batch_size"] == "64"


def test_bencher_has_measures_with_bounds_in_its_own_units() -> None:
    found = loaded("bencher")
    record = records_of(PLAN)[-2]
    told = found[f"{record.trial.id} (cpu-5f2c9a)"]
    latency = next(m for m in record.measurements if m.metric == "latency_s")
    assert told["latency"]["value"] == pytest.approx(1e9 * (latency.value or 0))
    assert told["latency"]["lower_value"] < told["latency"]["value"] < told["latency"]["upper_value"]
    assert {"throughput", "macs", "top1", "top1-validation"} <= set(told)
    assert all(
        set(m) <= {"value", "lower_value", "upper_value"} and "value" in m for b in found.values() for m in b.values()
    )
    assert all(isinstance(value, float) for b in found.values() for m in b.values() for value in m.values())


def test_a_cost_that_was_taken_from_another_trial_is_not_tracked_twice() -> None:
    shared = records_of(PLAN)[-1]
    assert any(m.shared_from for m in shared.measurements)
    assert not {"latency", "macs"} & set(loaded("bencher")[f"{shared.trial.id} (cpu-5f2c9a)"])
    names = [b["name"] for b in loaded("pytest-benchmark")["benchmarks"]]
    assert len(names) == 2
    assert not any(name.startswith(shared.trial.id) for name in names)


def test_machines_are_benchmarks_of_their_own() -> None:
    other = elsewhere(PLAN, machine_class="gpu-0a1b2c")
    names = set(loaded("bencher", PLAN, other))
    assert {name.partition(" ")[2] for name in names} == {"(cpu-5f2c9a)", "(gpu-0a1b2c)"}


def test_another_machine_renames_no_benchmark_and_shares_no_name() -> None:
    other = elsewhere(PLAN, machine_class="gpu-0a1b2c")
    assert set(loaded("bencher")) < set(loaded("bencher", PLAN, other))
    names = [benchmark["fullname"] for benchmark in loaded("pytest-benchmark", PLAN, other)["benchmarks"]]
    assert len(set(names)) == len(names) > len(loaded("pytest-benchmark")["benchmarks"])


def test_the_time_of_a_step_is_that_of_the_rate_as_measured() -> None:
    slow = tuple(changed(record, "images_per_s", value=0.0123) for record in records_of(PLAN))
    seen = view_of(index_of(PLAN), Reading(slow, ()))
    made = EXPORTS["timm"].write(Results(PLAN.study, seen.results, seen.table, seen.columns)).decode()
    assert {float(row["infer_step_time"]) for row in csv.DictReader(io.StringIO(made))} == {round(64e3 / 0.0123, 3)}


def test_pytest_benchmark_has_every_key_that_its_comparison_reads() -> None:
    found = loaded("pytest-benchmark")
    assert {"machine_info", "commit_info", "benchmarks", "datetime", "version"} <= set(found)
    benchmark = found["benchmarks"][0]
    assert {"group", "name", "fullname", "params", "param", "extra_info", "options", "stats"} <= set(benchmark)
    record = next(r for r in records_of(PLAN) if benchmark["name"].startswith(r.trial.id))
    samples = next(m.samples for m in record.measurements if m.metric == "latency_s")
    stats = benchmark["stats"]
    assert stats["data"] == list(samples)
    assert (stats["rounds"], stats["iterations"]) == (30, 1)
    expected = {
        "min": min(samples),
        "mean": np.mean(samples),
        "median": np.median(samples),
        "ops": 1 / np.mean(samples),
    }
    assert {key: stats[key] for key in expected} == pytest.approx(expected)
    assert {"max", "stddev", "iqr", "q1", "q3", "ld15iqr", "hd15iqr", "outliers", "total"} <= set(stats)
    assert found["commit_info"]["id"] == "1234abcd"
    assert "node" not in found["machine_info"]


def test_trials_that_failed_are_in_no_export() -> None:
    records = (*records_of(PLAN)[:-1], failed(records_of(PLAN)[-1]))
    seen = view_of(index_of(PLAN), Reading(records, ()))
    held = Results(PLAN.study, seen.results, seen.table, seen.columns)
    assert records[-1].trial.id not in EXPORTS["bencher"].write(held).decode()
    assert records[-1].trial.id not in EXPORTS["timm"].write(held).decode()
    assert records[-1].trial.id in EXPORTS["csv"].write(held).decode()


@pytest.mark.parametrize("name", sorted(EXPORTS))
def test_the_same_results_give_the_same_bytes(name: str) -> None:
    assert EXPORTS[name].write(given()) == EXPORTS[name].write(given())
