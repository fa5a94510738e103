"""What could not be measured: grouped by reason, counted in trials, memory as a result."""

from __future__ import annotations

from builders import failed, records_of
from timed_records import PLAN, at_batch, changed, viewed

from harness.tables.absences import MOST_ROWS, absence_table

RECORDS = records_of(PLAN)
COUNTER = "no_counter: the device is a CPU"


def test_equal_reasons_are_one_row_with_its_trials() -> None:
    made = [changed(r, "peak_bytes", value=None, reason=COUNTER) for r in RECORDS]
    table = absence_table(viewed(made).rows)
    assert table is not None
    assert table.rows == (("peak_bytes, batch 64", COUNTER, f"{len(RECORDS)} of {len(RECORDS)}"),)


def test_equally_frequent_rows_keep_the_order_of_the_records() -> None:
    names = ("macs", "params", "latency_s", "images_per_s", "peak_bytes")
    made = list(RECORDS)
    for name in names:
        made = [changed(r, name, value=None, reason=COUNTER, samples=(), baseline_samples=()) for r in made]
    table = absence_table(viewed(made).rows)
    assert table is not None
    order = [m.metric for m in made[0].measurements if m.metric in names]
    assert [row[0].partition(",")[0] for row in table.rows] == order


def test_memory_that_did_not_suffice_is_told_in_words() -> None:
    reason = "oom_gpu: a batch of 128 does not fit into its memory"
    made = [at_batch(r, 128, value=None, samples=(), baseline_samples=(), reason=reason) for r in RECORDS[:3]]
    table = absence_table(viewed([*made, *RECORDS[3:]]).rows)
    assert table is not None
    what = "out of memory: a batch of 128 does not fit into its memory"
    assert table.rows == (("images_per_s, batch 128", what, f"3 of {len(RECORDS)}"),)


def test_the_most_frequent_comes_first_and_the_rest_is_counted() -> None:
    made = [changed(r, "peak_bytes", value=None, reason=COUNTER) for r in RECORDS]
    many = [changed(r, "params", value=None, reason=f"reason {i}") for i, r in enumerate(made * 9)]
    unlike = [r.model_copy(update={"trial": r.trial.model_copy(update={"id": f"t{i}"})}) for i, r in enumerate(many)]
    table = absence_table(viewed(unlike).rows)
    assert table is not None
    assert table.rows[0][1:] == (COUNTER, f"{len(many)} of {len(many)}")
    assert len(table.rows) == MOST_ROWS
    assert table.notes[1] == f"Shown are the {MOST_ROWS} most frequent of {len(many) + 1}; trials.csv holds all."


def test_a_revision_is_no_condition_to_be_read() -> None:
    made = [changed(r, "peak_bytes", value=None, reason=COUNTER, at={"batch": 64, "revision": 2}) for r in RECORDS]
    table = absence_table(viewed(made).rows)
    assert table is not None
    assert table.rows[0][0] == "peak_bytes, batch 64"


def test_failed_trials_and_whole_ones_have_no_absences() -> None:
    assert absence_table(viewed(RECORDS).rows) is None
    assert absence_table(viewed([failed(r) for r in RECORDS]).rows) is None
