"""Runtimes and sizes side by side: one family, one column each, absolute numbers where nothing is removed."""

from __future__ import annotations

import statistics

import pytest
from timed_records import at_batch, changed, timed, viewed

from harness.records import Record
from harness.tables.cutting import across_runtimes, of_outcomes
from harness.tables.marks import NOISY, OUT_OF_MEMORY
from harness.tables.runtimes import runtime_tables, size_tables
from harness.tables.table import Table


def the_table(records: list[Record]) -> Table:
    (table,) = runtime_tables(viewed(records).panels)
    return table


def ratio(record: Record) -> float:
    m = next(m for m in record.measurements if m.metric == "latency_s")
    return statistics.median(b / a for a, b in zip(m.samples, m.baseline_samples, strict=True))


def test_there_is_a_row_per_amount_and_a_column_per_runtime() -> None:
    table = the_table(list(timed()))
    assert table.header == ("removed", "MACs saved", "fp32", "bf16")
    rows = {row[0]: row[1:] for row in table.rows}
    assert list(rows) == [
        f"{what}: {amount}"
        for what in ("latency, batch 1", "throughput, batch 64")
        for amount in ("nothing removed", "2 of 8", "4 of 8")
    ]
    assert table.title == "Speed-up by runtime: vit_digits, attention"


def test_a_cell_is_the_speedup_in_its_own_runtime() -> None:
    records = [r for r in timed() if r.trial.count in (None, 4)]
    cells = {row[0]: row for row in the_table(records).rows}["latency, batch 1: 4 of 8"]
    owner = next(r for r in records if r.trial.count == 4 and r.trial.runtime == "fp32")
    assert cells[2].startswith(f"{ratio(owner):.2f} [")
    assert cells[3].startswith(f"{1.2 * ratio(owner):.2f} [")
    assert cells[1] == "18.0 %"


def test_what_is_not_removed_is_absolute() -> None:
    (first, *_) = the_table(list(timed())).rows
    assert first[1] == "–"
    assert all(cell.endswith(" ms") for cell in first[2:])
    assert float(first[2].removesuffix(" ms")) == pytest.approx(1.2 * float(first[3].removesuffix(" ms")), rel=0.01)


def test_noise_is_marked_in_its_runtime_alone() -> None:
    records = [
        changed(r, "latency_s", quality="noisy") if r.trial.runtime == "bf16" and r.trial.count == 2 else r
        for r in timed()
    ]
    table = the_table(records)
    marked = [(row[0], i) for row in table.rows for i, cell in enumerate(row) if NOISY in cell]
    assert marked == [("latency, batch 1: 2 of 8", 3)]
    assert any(note.startswith(NOISY) for note in table.notes)


def test_one_runtime_needs_no_table() -> None:
    plain = [record for record in timed() if record.trial.runtime == "fp32"]
    assert runtime_tables(viewed(plain).panels) == ()
    assert size_tables(viewed(plain).panels) == ()


def test_sizes_stand_beside_each_other() -> None:
    (table,) = size_tables(viewed([at_batch(record, 8) for record in timed()]).panels)
    assert table.header == ("removed", "MACs saved", "batch 64", "batch 8")
    assert [row[0] for row in table.rows] == [
        f"{runtime}: {amount}" for runtime in ("fp32", "bf16") for amount in ("nothing removed", "2 of 8", "4 of 8")
    ]
    assert all(row[2] == row[3] for row in table.rows)


def test_a_batch_that_did_not_fit_says_so() -> None:
    null = {"value": None, "samples": (), "baseline_samples": (), "reason": "oom_gpu: a batch of 128 does not fit"}
    (table,) = size_tables(viewed([at_batch(record, 128, **null) for record in timed()]).panels)
    assert {row[3] for row in table.rows} == {OUT_OF_MEMORY}


def test_conditions_that_all_sizes_share_are_told_once() -> None:
    def resized(record: Record) -> Record:
        further = at_batch(changed(record, "images_per_s", at={"batch": 64, "pairs": 4}), 8)
        return changed_last(further, {"batch": 8, "pairs": 4})

    def changed_last(record: Record, at: dict[str, int]) -> Record:
        *rest, last = record.measurements
        return record.model_copy(update={"measurements": (*rest, last.model_copy(update={"at": at}))})

    (table,) = size_tables(viewed([resized(record) for record in timed()]).panels)
    assert table.header[2:] == ("batch 64", "batch 8")
    assert "All of throughput: pairs 4." in table.notes


def test_outcomes_are_told_once_for_all_runtimes() -> None:
    view = viewed(timed())
    assert [panel.label for panel in view.panels] == ["vit_digits, attention, fp32", "vit_digits, attention, bf16"]
    (outcome,) = of_outcomes(view.panels)
    assert outcome.label == "vit_digits, attention"
    assert [len(members) for members in across_runtimes(view.panels)] == [2]
    assert outcome.values("top1", "entropy", 4) == view.panels[1].values("top1", "entropy", 4)


def test_panels_of_one_runtime_are_left_as_they_are() -> None:
    view = viewed(record for record in timed() if record.trial.runtime == "bf16")
    assert of_outcomes(view.panels) == view.panels
