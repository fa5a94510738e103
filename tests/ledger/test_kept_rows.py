"""Rows that are kept say what all records would: read anew is only what changed, and whatever changed."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest
from assured import assured
from builders import Plan, elsewhere, failed, index_of, records_of, stored
from singled import all_shares, timed, with_sublayers

from harness.ledger import planned, rows
from harness.packing import pack
from harness.records import Record
from harness.report import appendix
from harness.report.badge import badge
from harness.report.caveats import caveats
from harness.report.heeded import heeded_table
from harness.report.library import every_table
from harness.report.reproducing import code_table
from harness.report.view import View, view, view_of
from harness.report.write import write_report
from harness.store import Store
from harness.tables.absences import absence_table
from harness.tables.latencies import timed_first

PLAN = Plan(seeds=(0, 1), criteria=("entropy", "random"), contrast=("entropy", "random"), draws=1, counts=(2, 4))
RECORDS = records_of(PLAN)
STUDY = PLAN.study


def filled(folder: Path, records: tuple[Record, ...] = RECORDS, plan: Plan = PLAN) -> Store:
    return stored(plan, Store(folder / "results"), records)


def fresh(store: Store) -> View:
    """What all records say, read at once."""
    return view_of(store.read_index(STUDY), store.read(STUDY))


def same(found: View, expected: View) -> None:
    """The rows, and what is counted beside them."""
    pd.testing.assert_frame_equal(found.table, expected.table)
    assert found.columns == expected.columns
    assert list(found.missing["id"]) == list(expected.missing["id"])
    assert (found.left_out, found.damaged) == (expected.left_out, expected.damaged)


def wholly_same(found: View, expected: View) -> None:
    """That, and everything that a report says of it."""
    same(found, expected)
    assert every_table(found) == every_table(expected)
    assert caveats(found) == caveats(expected)
    for told in (badge, heeded_table, appendix.failure_table, appendix.data_table, appendix.period, code_table):
        assert told(found) == told(expected)
    assert appendix.environment_tables(found) == appendix.environment_tables(expected)
    assert absence_table(found.rows) == absence_table(expected.rows)
    assert timed_first(found.rows) == timed_first(expected.rows)


def again(record: Record, **changes: object) -> Record:
    """A later run of the same trial."""
    run = record.run.model_copy(update={"id": "20260401T120000-000000", "finished": "2026-04-01T12:00:00Z"})
    return record.model_copy(update={"run": run, **changes})


def spoil(store: Store, record: Record) -> None:
    """Other bytes in the place of a record's, under the same stamp: whoever reads them finds no record."""
    path = store.folder(STUDY) / record.trial.id / f"{record.run.id}.json"
    status = path.stat()
    with path.open("r+b") as stream:
        stream.write(b"x" * status.st_size)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize(
    "records",
    [
        RECORDS,
        RECORDS[:-1],
        (*RECORDS[:3], failed(RECORDS[3]), *RECORDS[4:]),
        assured(PLAN),
        with_sublayers(PLAN, timed(all_shares())),
        (*RECORDS, *records_of(elsewhere(PLAN, machine_class="gpu-1", device="cuda:0"))[:4]),
    ],
    ids=["whole", "one missing", "one failed", "assured", "sublayers", "two machines"],
)
def test_a_second_look_shows_what_the_first_did(tmp_path: Path, records: tuple[Record, ...]) -> None:
    store = Store(tmp_path / "results")
    store.write_index(index_of(PLAN))
    for number, record in enumerate(records):
        run = record.run.model_copy(update={"id": f"{record.run.id}-{number}"})
        store.write_record(record.model_copy(update={"run": run}))
    expected = fresh(store)
    same(view(store, STUDY), expected)
    wholly_same(view(store, STUDY), expected)


def test_what_has_not_changed_is_not_read_again(tmp_path: Path) -> None:
    store = filled(tmp_path, RECORDS[:-1])
    view(store, STUDY)
    store.write_record(RECORDS[-1])
    expected = fresh(store)
    for record in RECORDS[:-1]:
        if record.trial.id not in (RECORDS[-1].trial.id, RECORDS[-1].trial.baseline):
            spoil(store, record)
    found = view(store, STUDY)
    pd.testing.assert_frame_equal(found.table, expected.table)
    assert found.damaged == ()


def test_a_later_run_is_seen(tmp_path: Path) -> None:
    store = filled(tmp_path)
    view(store, STUDY)
    top1 = RECORDS[3].measurements[0].model_copy(update={"value": 0.25})
    store.write_record(again(RECORDS[3], measurements=(top1,)))
    same(view(store, STUDY), fresh(store))


def test_a_baseline_that_changes_changes_what_is_compared_with_it(tmp_path: Path) -> None:
    store = filled(tmp_path)
    before = view(store, STUDY).table
    store.write_record(again(RECORDS[0], measurements=(RECORDS[0].measurements[0].model_copy(update={"value": 0.5}),)))
    found = view(store, STUDY)
    same(found, fresh(store))
    assert not found.table.equals(before)


def test_a_trial_whose_records_are_gone_is_missing(tmp_path: Path) -> None:
    store = filled(tmp_path)
    view(store, STUDY)
    (store.folder(STUDY) / RECORDS[5].trial.id / f"{RECORDS[5].run.id}.json").unlink()
    found = view(store, STUDY)
    same(found, fresh(store))
    assert list(found.missing["id"]) == [RECORDS[5].trial.id]


def test_a_damaged_file_is_named_every_time(tmp_path: Path) -> None:
    store = filled(tmp_path)
    path = store.folder(STUDY) / RECORDS[5].trial.id / "cut.json"
    path.write_text("{", encoding="utf-8")
    for _ in range(2):
        found = view(store, STUDY)
        same(found, fresh(store))
        assert [damaged.path for damaged in found.damaged] == [f"{STUDY}/{RECORDS[5].trial.id}/cut.json"]


def test_new_labels_are_shown_although_no_record_changed(tmp_path: Path) -> None:
    store = filled(tmp_path)
    view(store, STUDY)
    index = index_of(PLAN)
    renamed = [t.model_copy(update={"criterion": "H"}) if t.criterion == "entropy" else t for t in index.trials]
    update = {"trials": tuple(renamed), "criteria": ("H", "random"), "contrast": ("H", "random")}
    store.write_index(index.model_copy(update=update))
    found = view(store, STUDY)
    same(found, fresh(store))
    assert set(found.table["criterion"].dropna()) == {"H", "random"}


def test_trials_that_the_plan_does_not_hold_are_counted(tmp_path: Path) -> None:
    store = filled(tmp_path)
    index = index_of(PLAN)
    store.write_index(index.model_copy(update={"trials": index.trials[:-2]}))
    for _ in range(2):
        found = view(store, STUDY)
        same(found, fresh(store))
        assert found.left_out == 2
    store.write_index(index)
    same(view(store, STUDY), fresh(store))


def test_a_packed_study_is_the_same(tmp_path: Path) -> None:
    store = filled(tmp_path)
    expected = view(store, STUDY)
    pack(store, STUDY)
    same(view(store, STUDY), expected)
    same(view(store, STUDY), expected)


def test_runs_in_files_and_in_the_pack_are_read_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = filled(tmp_path)
    pack(store, STUDY)
    for record in RECORDS:
        store.write_record(again(record))
    monkeypatch.setattr(rows, "CHUNK", 1)
    same(view(store, STUDY), fresh(store))


@pytest.mark.parametrize("name", [rows.NAME, planned.NAME])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04"])
def test_a_kept_file_that_is_none_is_made_anew(tmp_path: Path, name: str, content: bytes) -> None:
    store = filled(tmp_path)
    view(store, STUDY)
    (store.folder(STUDY) / name).write_bytes(content)
    same(view(store, STUDY), fresh(store))
    assert len((store.folder(STUDY) / name).read_bytes()) > len(content)


def test_rows_that_other_code_made_are_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = filled(tmp_path)
    view(store, STUDY)
    spoil(store, RECORDS[3])
    assert view(store, STUDY).damaged == ()
    monkeypatch.setattr(rows, "code_digest", lambda: "of a later version")
    assert len(view(store, STUDY).damaged) == 1


def test_rows_made_in_parts_by_several_processes_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = filled(tmp_path, (*RECORDS[:3], failed(RECORDS[3]), *RECORDS[4:]))
    monkeypatch.setattr(rows, "CHUNK", 2)
    same(view(store, STUDY), fresh(store))


def test_a_pack_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    store = filled(tmp_path)
    expected = view(store, STUDY).table
    (store.folder(STUDY) / "records.zip").write_bytes(b"no pack")
    found = view(store, STUDY)
    pd.testing.assert_frame_equal(found.table, expected)
    assert [damaged.path for damaged in found.damaged] == [f"{STUDY}/records.zip"]


def test_without_a_file_to_keep_them_in_all_is_read(tmp_path: Path) -> None:
    store = filled(tmp_path)
    for name in (rows.NAME, planned.NAME):
        (store.folder(STUDY) / name).mkdir()
    same(view(store, STUDY), fresh(store))


def test_the_report_of_kept_rows_has_the_same_bytes(tmp_path: Path) -> None:
    plan = elsewhere(PLAN, seeds=(0,), counts=(2,), has_costs=False)
    store = filled(tmp_path, records_of(plan), plan)
    pages = [write_report(store, STUDY, tmp_path / name).parent for name in ("first", "second")]
    first, second = ({p.relative_to(page): p.read_bytes() for p in page.rglob("*.*")} for page in pages)
    assert first == second
    assert "index.html" in {path.name for path in first}


def test_whole_results_are_there_for_single_trials(tmp_path: Path) -> None:
    store = filled(tmp_path)
    found = view(store, STUDY)
    (one,) = found.shelf.of([RECORDS[4].trial.id])
    assert one.info == RECORDS[4].trial
    assert dict(one.measurements) == {m.asked.key: m for m in RECORDS[4].measurements}
    assert [result.info.id for result in found.results] == list(found.rows["id"])
