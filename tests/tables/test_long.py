"""The tidy table, Parquet with units, and units beside the wide one."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest
from builders import Plan, records_of, stored
from timed_records import changed, share

import harness
from harness.errors import MissingExtraError
from harness.results import latest
from harness.stats import median_interval, wilson
from harness.store import Store
from harness.tables import parquet
from harness.tables.frame import columns_of, frame
from harness.tables.long import long_frame

PLAN = Plan(study="small", seeds=(0, 1), criteria=("entropy",), counts=(2,), contrast=None)


def test_each_measured_number_is_a_row_with_its_unit_and_interval() -> None:
    results = latest(records_of(PLAN))
    table = long_frame(results)
    assert len(table) == sum(len(r.measurements) for r in results)
    result = next(r for r in results if r.info.criterion)
    own = table[table["id"] == result.info.id]
    timed = next(m for m in result.measurements.values() if m.metric == "latency_s")
    interval = median_interval(timed.samples)
    (row,) = own[own["metric"] == "latency_s"].to_dict("records")
    assert (row["unit"], row["quality"], row["at"], row["samples"]) == ("s", "noisy", "batch=1", 30)
    assert (row["low"], row["high"]) == (interval.low, interval.high)
    (exact,) = own[(own["metric"] == "top1") & (own["split"] == "test")].to_dict("records")
    bounds = wilson(round(exact["value"] * 360), 360)
    assert (exact["low"], exact["high"], exact["interval"]) == (bounds.low, bounds.high, "95 % Wilson over items")


def test_what_could_not_be_measured_has_its_reason_and_other_conditions_no_borrowed_interval() -> None:
    record = changed(records_of(PLAN)[-1], "peak_bytes", value=None, reason="oom_gpu: too large")
    record = record.model_copy(update={"measurements": (*record.measurements, share(0.5, dtype="bf16"))})
    table = long_frame(latest([record]))
    absent = table[table["metric"] == "peak_bytes"]
    assert list(absent["reason"]) == ["oom_gpu: too large"]
    assert absent[["value", "quality", "low"]].isna().all(axis=None)
    assert table.loc[table["at"] == "dtype=bf16", "low"].isna().all()


def test_both_tables_are_one_line_away_and_the_wide_one_knows_its_units(tmp_path: Path) -> None:
    stored(PLAN, Store(tmp_path / "results"))
    found = harness.load_records(tmp_path / "results" / "small")
    units = found.frame().attrs["units"]
    assert (units["latency_s"], units["macs"], units["speedup"]) == ("s", "MAC", "1")
    assert len(found.long()) == len(long_frame(latest(records_of(PLAN))))


def test_parquet_reads_back_equal_with_units_in_its_schema() -> None:
    from pyarrow import parquet as reader

    results = latest(records_of(PLAN))
    table = frame(results)
    raw = parquet.parquet_of(table, columns_of(table, results))
    schema = reader.read_schema(io.BytesIO(raw))
    assert schema.field("latency_s").metadata[b"unit"] == b"s"
    assert b"macs" in schema.field("macs").metadata[b"meaning"]
    read = pd.read_parquet(io.BytesIO(raw))
    assert list(read.columns) == list(table.columns)
    pd.testing.assert_series_equal(read["latency_s"], table["latency_s"])
    assert raw == parquet.parquet_of(table, columns_of(table, results))


def test_without_pyarrow_the_file_is_left_out_and_asked_for_it_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(parquet, "is_available", lambda: False)
    (tmp_path / parquet.FILE).write_bytes(b"of other records")
    assert parquet.write_parquet(pd.DataFrame(), (), tmp_path) is None
    assert not (tmp_path / parquet.FILE).exists()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(MissingExtraError, match=r"pip install 'ablation-harness\[parquet\]'"):
        parquet.parquet_of(pd.DataFrame(), ())
