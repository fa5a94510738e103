"""What each sublayer costs: the golden table, and each kind of doubt and gap in it."""

from __future__ import annotations

import statistics
from typing import Any

import pytest
from assured import assured, with_selection, with_trial
from builders import Plan, elsewhere, index_of, records_of
from golden_files import assert_golden
from singled import all_shares, counted, timed, with_sublayers

from harness.records import Record
from harness.report.library import tables_of_sublayers
from harness.report.view import View, view_of
from harness.store import Reading
from harness.tables.alone import Apart, apart
from harness.tables.files import csv_of
from harness.tables.sublayers import sublayer_tables
from harness.tables.table import Table, markdown

PLAN = Plan(seeds=(0, 1), criteria=("entropy", "similarity", "random"), draws=2, counts=(2, 4))


def viewed(records: tuple[Record, ...], plan: Plan = PLAN) -> View:
    index = index_of(plan).model_copy(update={"trials": tuple(r.trial for r in records)})
    return view_of(index, Reading(records, ()))


def found(*measurements: Any) -> tuple[Apart, ...]:
    return apart(viewed(with_sublayers(PLAN, *measurements)).results)


def tables(records: tuple[Record, ...]) -> tuple[Table, ...]:
    seen = viewed(records)
    return sublayer_tables(apart(seen.results), seen.chosen)


def column(table: Table, heading: str) -> list[str]:
    return [row[table.header.index(heading)] for row in table.rows]


def test_the_table_is_golden() -> None:
    noisy = timed(all_shares(), details={"noisy": ["blocks.1.mlp"]})
    (table,) = tables(assured(PLAN, with_sublayers(PLAN, noisy, *counted())))
    assert_golden("sublayers.md", f"### {table.title}\n\n{markdown(table)}")


def test_shares_of_the_latency_are_numbers_in_their_file() -> None:
    (table,) = tables(with_sublayers(PLAN, timed(all_shares(), details={"noisy": ["blocks.2.attn"]})))
    header = csv_of(table).splitlines()[0]
    assert 'of latency (%),"of latency, low (%)","of latency, high (%)","of latency, note"' in header


def test_records_without_such_measurements_make_no_table() -> None:
    assert tables(records_of(PLAN)) == ()


def test_the_report_holds_the_table() -> None:
    seen = viewed(with_sublayers(PLAN, timed(all_shares())))
    assert "sublayers-vit-digits" in [table.name for table in tables_of_sublayers(seen)]


def test_rows_stand_in_order_of_depth() -> None:
    ((one),) = found(*counted())
    assert [part.depth for part in one.parts] == sorted(part.depth for part in one.parts)
    assert [part.kind for part in one.parts][:2] == ["attention", "mlp"]


def test_realised_is_gain_over_the_gain_that_macs_promise() -> None:
    (one,) = found(timed(all_shares()))
    part = one.parts[0]
    promised = 1 / (1 - part.macs_share) - 1
    assert part.realised == pytest.approx((1 / (1 - 0.05) - 1) / promised)


def test_an_interval_is_of_the_pairs_and_holds_the_share() -> None:
    (one,) = found(timed(all_shares()))
    for part in one.parts:
        assert part.interval is not None
        assert part.interval.low <= (part.latency_share or 0) <= part.interval.high
    few = timed({"blocks.0.attn": 0.1}, details={"ratios": {"blocks.0.attn": [0.9] * 5}})
    assert found(few)[0].parts[0].interval is None


def test_a_noisy_row_is_marked_and_a_noisy_measurement_marks_every_row() -> None:
    one = with_sublayers(PLAN, timed(all_shares(), details={"noisy": ["blocks.2.attn"]}))
    assert [cell.endswith("†") for cell in column(tables(one)[0], "of latency")].count(True) == 1
    every = with_sublayers(PLAN, timed(all_shares(), quality="tainted", reason="tainted: others"))
    (table,) = tables(every)
    assert all(cell.endswith("‡") for cell in column(table, "of latency"))
    assert any(note.startswith("‡ tainted") for note in table.notes)


def test_counts_alone_make_a_table_without_latency() -> None:
    (table,) = tables(with_sublayers(PLAN, *counted()))
    assert "of latency" not in table.header
    assert "activations (KiB)" in table.header


def test_kinds_that_were_not_timed_have_a_gap() -> None:
    (table,) = tables(with_sublayers(PLAN, timed({"blocks.0.attn": 0.1}), *counted()))
    assert column(table, "of latency")[1] == "–"


def test_scores_and_ranks_are_means_over_networks() -> None:
    def scored(record: Record) -> Record:
        if record.trial.criterion is None:
            return record
        first, second = (0.2, 0.4) if record.trial.model_seed == 0 else (0.6, 0.5)
        return with_selection(record, scores={"blocks.0.attn": first, "blocks.1.attn": second})

    (table,) = tables(tuple(map(scored, with_sublayers(PLAN, *counted()))))
    shown = dict(zip(column(table, "sublayer"), column(table, "entropy"), strict=True))
    assert shown["blocks.0.attn"] == f"0.400 ({statistics.fmean([1, 2])})"
    assert shown["blocks.0.mlp"] == "–"
    assert "random" not in table.header


def test_a_list_of_all_kinds_has_ranks_of_its_own() -> None:
    records = with_sublayers(PLAN, *counted())
    more = [
        with_trial(with_selection(r, scores={"blocks.0.mlp": 0.1}), {"target": "joint"}, target="joint")
        for r in records
        if r.trial.criterion == "entropy"
    ]
    (table,) = tables((*records, *more))
    assert {"entropy", "entropy, joint"} <= set(table.header)


def test_equal_networks_are_shown_once_by_the_best_measurement() -> None:
    noisy, good = timed(all_shares(), quality="noisy", reason="noisy: others"), timed({"blocks.0.attn": 0.3})
    records = tuple(
        r.model_copy(update={"measurements": (*r.measurements, good if r.trial.model_seed else noisy)})
        if r.trial.is_baseline
        else r
        for r in records_of(PLAN)
    )
    (one,) = apart(viewed(records).results)
    assert [part.latency_share for part in one.parts] == [0.3]


def test_batches_are_told_apart() -> None:
    both = found(timed(all_shares()), timed(all_shares(), at={"batch": 32}))
    assert [one.label for one in both] == ["vit_digits, batch 1", "vit_digits, batch 32"]
    assert len({one.slug for one in both}) == 2


def test_models_are_told_apart() -> None:
    plan = elsewhere(PLAN, models=("one", "two"))
    seen = viewed(with_sublayers(plan, timed(all_shares())), plan)
    assert [one.label for one in apart(seen.results)] == ["one", "two"]


def test_a_null_is_no_row() -> None:
    null = timed(all_shares(), value=None, by_sublayer=None, reason="clock: it stood still", details={})
    assert found(null) == ()


def test_a_network_that_was_not_taken_apart_still_shows_how_its_sublayers_are_judged() -> None:
    (table,) = tables_of_sublayers(viewed(records_of(PLAN)))
    assert table.name == "judged-vit-digits-attention"
    assert [row[0] for row in table.rows] == [f"blocks.{place}.attn" for place in range(8)]
    assert set(table.header[1:]) <= set(PLAN.criteria) - {"random"}
