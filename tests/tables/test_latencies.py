"""Percentiles of a step: from the samples, once per structure that was timed, the cold call apart."""

from __future__ import annotations

import numpy as np
from builders import Plan, records_of
from timed_records import changed, viewed

from harness.records import Record
from harness.stats import median_interval
from harness.tables.latencies import MOST_ROWS, latency_table
from harness.tables.table import Table

PLAN = Plan(seeds=(0, 1), criteria=("entropy",), contrast=None, counts=(2, 4), noisy_counts=(2,))
SAMPLES = tuple(float(x) for x in np.random.default_rng(0).lognormal(-6, 0.1, 200))


def table_of(records: tuple[Record, ...], plan: Plan = PLAN) -> Table:
    table = latency_table(viewed(records, plan).results)
    assert table is not None
    return table


def test_each_timed_structure_is_one_row_baselines_first() -> None:
    table = table_of(records_of(PLAN))
    assert [row[0].partition("-s0")[0] for row in table.rows] == [
        "vit_digits-baseline",
        "vit_digits-attention-entropy-k2",
        "vit_digits-attention-entropy-k4",
    ]
    assert [row[2][-1] == "†" for row in table.rows] == [False, True, False]
    assert any(note.startswith("† noisy") for note in table.notes)


def test_percentiles_are_those_of_the_samples() -> None:
    made = tuple(changed(r, "latency_s", samples=SAMPLES, value=float(np.median(SAMPLES))) for r in records_of(PLAN))
    table = table_of(made)
    row = dict(zip(table.header, table.rows[0], strict=True))
    for cut in (50, 90, 95, 99):
        assert row[f"p{cut} (ms)"] == f"{1e3 * np.percentile(SAMPLES, cut):.2f}"
    bounds = median_interval(SAMPLES)
    assert row["95 % interval (ms)"] == f"[{1e3 * bounds.low:.3f}, {1e3 * bounds.high:.3f}]"
    assert row["samples"] == "200"


def test_the_cold_call_and_the_devices_own_clock_have_columns() -> None:
    made = [changed(r, "latency_s", details={"cold_first_s": 0.25, "device_p50": 0.001}) for r in records_of(PLAN)]
    row = dict(zip(table_of(tuple(made)).header, table_of(tuple(made)).rows[0], strict=True))
    assert row["cold first call (ms)"] == "250"
    assert row["on the device, p50 (ms)"] == "1.00"
    assert not any("device" in name for name in table_of(records_of(PLAN)).header)


def test_too_few_samples_have_no_interval() -> None:
    made = tuple(changed(r, "latency_s", samples=SAMPLES[:5]) for r in records_of(PLAN))
    assert {row[3] for row in table_of(made).rows} == {"–"}


def test_of_more_structures_than_are_read_it_is_said_how_many_are_left_out() -> None:
    plan = Plan(seeds=(0,), criteria=("entropy",), contrast=None, counts=tuple(range(1, 50)), of=60)
    table = table_of(records_of(plan), plan)
    assert len(table.rows) == MOST_ROWS
    assert table.notes[-1] == f"Shown are {MOST_ROWS} of 50 timed structures; the records hold all samples."


def test_what_was_not_timed_has_no_table() -> None:
    untimed = [changed(r, "latency_s", value=None, samples=(), reason="oom_host: too large") for r in records_of(PLAN)]
    assert latency_table(viewed(untimed, PLAN).results) is None
