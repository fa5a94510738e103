"""The trials table: one row per trial and machine class, derived columns against the raw samples."""

from __future__ import annotations

import csv
import math
import statistics
from pathlib import Path

import pandas as pd
import pytest
from builders import Plan, elsewhere, failed, records_of
from golden_files import assert_golden

from harness.records import Measurement, Record
from harness.results import latest
from harness.stats import wilson
from harness.tables.columns import companion
from harness.tables.frame import columns_of, conditions, csv_text, frame, write_csv

SMALL = Plan(seeds=(0, 1), criteria=("entropy", "random"), draws=2, counts=(2, 4), contrast=None)
RECORDS = records_of(SMALL)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return frame(latest(RECORDS))


def row_of(table: pd.DataFrame, record: Record) -> dict[str, object]:
    (row,) = table[table["id"] == record.trial.id].to_dict("records")
    return {str(key): value for key, value in row.items()}


def with_measurement(record: Record, measurement: Measurement) -> Record:
    kept = tuple(m for m in record.measurements if m.asked.key != measurement.asked.key)
    return record.model_copy(update={"measurements": (*kept, measurement)})


def measured(record: Record, metric: str, split: str | None = None) -> Measurement:
    return next(m for m in record.measurements if m.metric == metric and m.split == split)


def test_there_is_one_row_per_trial_and_machine_class(table: pd.DataFrame) -> None:
    assert len(table) == len(RECORDS)
    elsewhere_too = records_of(elsewhere(SMALL, machine_class="gpu-1"))
    both = frame(latest([*RECORDS, *elsewhere_too]))
    assert len(both) == 2 * len(RECORDS)


def test_the_bare_outcome_is_the_test_split(table: pd.DataFrame) -> None:
    record = RECORDS[-1]
    row = row_of(table, record)
    assert row["top1"] == measured(record, "top1", "test").value
    assert row["top1_validation"] == measured(record, "top1", "validation").value


def test_the_drop_is_against_the_baseline_of_the_same_seed(table: pd.DataFrame) -> None:
    record = RECORDS[-1]
    (baseline,) = (r for r in RECORDS if r.trial.id == record.trial.baseline)
    before, after = measured(baseline, "top1", "test").value, measured(record, "top1", "test").value
    assert before is not None
    assert after is not None
    assert row_of(table, record)["top1_drop"] == pytest.approx(before - after)


def test_a_baseline_has_no_drop_and_no_speedup(table: pd.DataFrame) -> None:
    baselines = table[table["criterion"].isna()]
    assert baselines[["top1_drop", "speedup", "macs_saved"]].isna().to_numpy().all()


def test_no_drop_is_stated_against_other_weights() -> None:
    prepare = RECORDS[0].run.stages["prepare"].model_copy(update={"content": "other"})
    run = RECORDS[0].run.model_copy(update={"stages": {**RECORDS[0].run.stages, "prepare": prepare}})
    found = frame(latest([RECORDS[0].model_copy(update={"run": run}), *RECORDS[1:]]))
    of_seed = found[(found["model_seed"] == 0) & found["criterion"].notna()]
    assert of_seed["top1_drop"].isna().all()
    assert of_seed["macs_saved"].notna().all()


def test_no_drop_is_stated_against_other_data() -> None:
    test = RECORDS[0].data["test"].model_copy(update={"sha256": "f" * 64})
    found = frame(latest([RECORDS[0].model_copy(update={"data": {**RECORDS[0].data, "test": test}}), *RECORDS[1:]]))
    assert found[(found["model_seed"] == 0) & found["criterion"].notna()]["top1_drop"].isna().all()


def test_the_speedup_is_the_median_of_paired_ratios(table: pd.DataFrame) -> None:
    record = RECORDS[2]
    latency, rate = measured(record, "latency_s"), measured(record, "images_per_s")
    times = [b / a for a, b in zip(latency.samples, latency.baseline_samples, strict=True)]
    rates = [a / b for a, b in zip(rate.samples, rate.baseline_samples, strict=True)]
    row = row_of(table, record)
    assert row["speedup"] == pytest.approx(statistics.median(times))
    assert row["speedup_throughput"] == pytest.approx(statistics.median(rates))
    assert min(times) <= float(str(row["speedup_low"])) <= float(str(row["speedup"])) <= float(str(row["speedup_high"]))


def test_too_few_pairs_have_no_interval() -> None:
    latency = measured(RECORDS[2], "latency_s")
    for pairs, has_interval in ((5, False), (6, True)):
        few = {"samples": latency.samples[:pairs], "baseline_samples": latency.baseline_samples[:pairs]}
        record = with_measurement(RECORDS[2], latency.model_copy(update=few))
        row = row_of(frame(latest([*RECORDS[:2], record])), record)
        assert isinstance(row["speedup"], float)
        assert pd.notna(row["speedup_low"]) is has_interval  # type: ignore[call-overload]  # a scalar


def test_the_saving_is_realised_when_time_falls_as_macs_do() -> None:
    record = RECORDS[2]
    latency = measured(record, "latency_s").model_copy(update={"samples": (3.0, 3.0), "baseline_samples": (4.0, 4.0)})
    macs, whole = measured(record, "macs"), measured(RECORDS[0], "macs").value
    assert whole is not None
    record = with_measurement(with_measurement(record, latency), macs.model_copy(update={"value": 0.75 * whole}))
    row = row_of(frame(latest([*RECORDS[:2], record])), record)
    assert row["macs_saved"] == pytest.approx(0.25)
    assert row["realised"] == pytest.approx(1.0)


def test_points_lost_per_per_cent_of_speedup() -> None:
    record = RECORDS[2]
    latency = measured(record, "latency_s").model_copy(update={"samples": (3.0, 3.0), "baseline_samples": (4.5, 4.5)})
    row = row_of(frame(latest([*RECORDS[:2], with_measurement(record, latency)])), record)
    assert row["speedup_degradation"] == pytest.approx(float(row["top1_drop"]) / 0.5)  # type: ignore[arg-type]


def test_nothing_saved_has_no_realised_share() -> None:
    macs = measured(RECORDS[0], "macs")
    record = with_measurement(RECORDS[2], macs)
    assert pd.isna(row_of(frame(latest([*RECORDS[:2], record])), record)["realised"])  # type: ignore[call-overload]  # a scalar


def test_further_conditions_of_a_metric_have_columns_of_their_own() -> None:
    other = measured(RECORDS[2], "images_per_s").model_copy(update={"at": {"batch": 128}, "value": 1.0})
    results = latest([*RECORDS[:2], with_measurement(RECORDS[2], other)])
    found = frame(results)
    assert {"images_per_s", "images_per_s@batch=128", "speedup_throughput@batch=128"} <= set(found.columns)
    assert found["images_per_s@batch=128"].dropna().tolist() == [1.0]
    assert conditions(results)["images_per_s"] == "batch 64"


def test_a_measurement_without_conditions_takes_the_bare_name() -> None:
    bf16 = measured(RECORDS[0], "top1", "test").model_copy(update={"at": {"dtype": "bf16"}, "value": 0.1})
    first = RECORDS[0].model_copy(update={"measurements": (bf16, *RECORDS[0].measurements)})
    found = frame(latest([first]))
    assert found["top1"].item() == measured(RECORDS[0], "top1", "test").value
    assert found["top1@dtype=bf16"].item() == 0.1


def test_a_share_of_items_has_its_items_and_their_interval(table: pd.DataFrame) -> None:
    row = row_of(table, RECORDS[-1])
    value = measured(RECORDS[-1], "top1", "test").value
    assert value is not None
    expected = wilson(round(value * 360), 360)
    assert (row["top1_items"], row["top1_low"], row["top1_high"]) == (360, expected.low, expected.high)


def test_doubts_stand_beside_what_they_are_about() -> None:
    latency = measured(RECORDS[2], "latency_s")
    doubted = latency.model_copy(update={"quality": "tainted", "reason": "tainted: load", "details": {"attempts": 3}})
    warned = measured(RECORDS[2], "macs").model_copy(update={"warnings": ("one", "two")})
    null = measured(RECORDS[2], "peak_bytes").model_copy(update={"value": None, "reason": "no_counter: none"})
    record = RECORDS[2]
    for measurement in (doubted, warned, null):
        record = with_measurement(record, measurement)
    row = row_of(frame(latest([*RECORDS[:2], record])), record)
    assert (row["latency_s_quality"], row["latency_s_attempts"], row["latency_s_reason"]) == (
        "tainted",
        3,
        "tainted: load",
    )
    assert row["macs_warnings"] == "one; two"
    assert row["peak_bytes_reason"] == "no_counter: none"


def test_a_revision_of_a_collector_is_never_shown() -> None:
    latency = measured(RECORDS[2], "latency_s").model_copy(update={"at": {"batch": 1, "revision": 2}})
    other = measured(RECORDS[2], "latency_s").model_copy(update={"at": {"batch": 2, "revision": 2}})
    record = with_measurement(RECORDS[2].model_copy(update={"measurements": (latency,)}), other)
    found = frame(latest([record]))
    assert {"latency_s", "latency_s@batch=2"} <= set(found.columns)


def test_every_added_column_is_explained_by_its_last_word() -> None:
    columns = {column.name: column.meaning for column in columns_of(frame(latest(RECORDS)), latest(RECORDS))}
    assert columns["top1_low"] == "lower end of the 95 % Wilson interval of top1 over its items"
    assert columns["latency_s_quality"] == "ok, noisy or tainted: how far latency_s can be trusted"
    assert columns["speedup_throughput_low"].startswith("lower end of the 95 % interval")
    assert [companion(name) for name in ("speedup_low", "top1_low", "top1_drop")] == [None, "low", None]


def test_a_shared_cost_names_its_owner(table: pd.DataFrame) -> None:
    owners = set(table["costs_from"].dropna())
    assert owners <= set(table["id"])
    assert table[table["id"].isin(owners)]["costs_from"].isna().all()


def test_a_failed_trial_keeps_its_row_with_its_reason() -> None:
    found = frame(latest([*RECORDS[:-1], failed(RECORDS[-1])]))
    row = row_of(found, RECORDS[-1])
    assert (row["status"], row["failure"], row["reason"]) == ("failed", "oom_host", "the host ran out of memory")


def test_no_results_make_an_empty_table() -> None:
    assert len(frame([])) == 0


def test_every_column_is_explained() -> None:
    columns = columns_of(frame(latest(RECORDS)), latest(RECORDS))
    assert [c.name for c in columns] == [str(name) for name in frame(latest(RECORDS)).columns]
    assert all(c.meaning for c in columns)
    assert {c.name: c.unit for c in columns}["latency_s"] == "s"


def test_the_csv_reads_back_to_the_same_numbers(table: pd.DataFrame, tmp_path: Path) -> None:
    write_csv(table, tmp_path / "trials.csv")
    with (tmp_path / "trials.csv").open(newline="") as file:
        back = list(csv.DictReader(file))
    for name in ("top1", "speedup_low", "latency_s"):
        assert [float(row[name]) for row in back if row[name]] == table[name].dropna().tolist()


def test_the_csv_is_golden(tmp_path: Path) -> None:
    few = [record for record in RECORDS if record.trial.model_seed == 0 and record.trial.count in (None, 2)]
    write_csv(frame(latest(few)), tmp_path / "trials.csv")
    assert_golden("trials.csv", (tmp_path / "trials.csv").read_text())


def test_csv_is_as_pandas_writes_it() -> None:
    held = pd.DataFrame(
        {
            "text": ["a", "b, c", 'say "no"', "two\nlines", "", None],
            "number": [0.1 + 0.2, 1e-300, -0.0, 1e22, 3.0, math.nan],
            "count": pd.Series([1, None, 3, 4, 5, 2**53], dtype="Int64"),
            "truth": [True, False] * 3,
            "mixed": pd.Series([1, "x", None, 2.5, "x", None], dtype=object),
            "nothing": pd.Series([None] * 6, dtype=object),
        }
    )
    assert csv_text(held) == held.to_csv(index=False, lineterminator="\n")
    assert csv_text(held.iloc[:0]) == held.iloc[:0].to_csv(index=False, lineterminator="\n")
