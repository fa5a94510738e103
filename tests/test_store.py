"""The store: what is written can be read, what is damaged is listed, nothing escapes, the newest ok run counts."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from builders import Plan, asked, failed, index_of, records_of, stored

from harness.errors import SpecError, StoreError
from harness.records import Measurement, Record
from harness.results import latest
from harness.store import Store

SMALL = Plan(seeds=(0,), criteria=("entropy",), contrast=None, counts=(2,))
STUDY = SMALL.study


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results")


def candidate() -> Record:
    return records_of(SMALL)[-1]


def later(record: Record, run: str, day: int, **changes: Any) -> Record:
    finished = f"2026-04-{day:02d}T00:00:00+00:00"
    return record.model_copy(update={"run": record.run.model_copy(update={"id": run, "finished": finished}), **changes})


def test_a_record_reads_back_as_it_was_written(store: Store) -> None:
    path = store.write_record(candidate())
    assert path == store.root / STUDY / candidate().trial.id / f"{candidate().run.id}.json"
    found = store.records(STUDY)
    assert [r.to_json() for r in found] == [candidate().to_json()]


def test_a_study_has_a_record_once_one_can_be_trusted(store: Store) -> None:
    assert not store.has_record(STUDY)
    folder = store.folder(STUDY) / "a-damaged-one"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text("{", encoding="utf-8")
    assert not store.has_record(STUDY)
    store.write_record(candidate())
    assert store.has_record(STUDY)


def test_a_record_is_never_overwritten(store: Store) -> None:
    store.write_record(candidate())
    with pytest.raises(StoreError, match="never rewritten"):
        store.write_record(candidate())


def test_no_half_written_file_is_left_behind(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"results/.*\.json: no space is left on its disk"):
        store.write_record(candidate())
    assert [p for p in store.root.rglob("*") if p.is_file()] == []


def test_a_file_in_place_of_the_folder_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("")
    with pytest.raises(StoreError, match="a file stands where a folder should be"):
        Store(tmp_path / "results").write_record(candidate())


@pytest.mark.parametrize("study", ["../x", "a/b", "", ".", "Upper", "x" * 65, "artifacts", "snapshots"])
def test_a_study_name_cannot_lead_elsewhere(store: Store, study: str) -> None:
    with pytest.raises(SpecError, match="study"):
        store.records(study)


@pytest.mark.parametrize("name", ["../x", "a/b", "", "..", ".hidden", "x" * 241])
def test_a_trial_or_run_id_cannot_lead_elsewhere(store: Store, name: str) -> None:
    record = candidate()
    bad_trial = record.model_copy(update={"trial": record.trial.model_copy(update={"id": name})})
    bad_run = record.model_copy(update={"run": record.run.model_copy(update={"id": name})})
    for bad in (bad_trial, bad_run):
        with pytest.raises(SpecError, match="must start with a letter or digit"):
            store.write_record(bad)
    assert not store.root.exists()


def _damage(text: str, how: str) -> str:
    raw = json.loads(text)
    return {
        "cut short": text[: len(text) // 2],
        "empty": "",
        "a list": "[]",
        "too deep": "[" * 100_000,
        "changed": text.replace('"ok"', '"failed"', 1),
        "newer": json.dumps({**raw, "schema": 2}),
        "not a number": text.replace('"elapsed_s": 1.5', '"elapsed_s": NaN'),
    }[how]


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("cut short", "not JSON"),
        ("empty", "not JSON"),
        ("a list", "not a JSON object"),
        ("too deep", "not JSON"),
        ("changed", "checksum"),
        ("newer", "schema 2 is newer than 1"),
        ("not a number", "not JSON"),
    ],
)
def test_a_damaged_file_is_set_aside_and_kept(store: Store, how: str, reason: str) -> None:
    good, bad = (store.write_record(record) for record in records_of(SMALL))
    bad.write_text(_damage(bad.read_text(), how))
    reading = store.read(STUDY)
    assert [r.run.id for r in reading.records] == [good.stem]
    (damaged,) = reading.damaged
    assert damaged.path == f"{STUDY}/{bad.parent.name}/{bad.name}"
    assert reason in damaged.reason
    assert bad.exists()


def test_a_record_in_another_trials_folder_is_not_believed(store: Store) -> None:
    path = store.write_record(candidate())
    path.rename(path.with_name("other.json"))
    (damaged,) = store.read(STUDY).damaged
    assert "belongs elsewhere" in damaged.reason


def test_logs_jobs_and_temporary_files_are_no_records(store: Store) -> None:
    stored(SMALL, store)
    for place in ("logs/x.json", "jobs/x.json", f"{candidate().trial.id}/.x.json", ".cache/x.json"):
        path = store.root / STUDY / place
        path.parent.mkdir(exist_ok=True)
        path.write_text("{")
    assert store.read(STUDY).damaged == ()


def test_a_study_that_never_ran_has_no_records(store: Store) -> None:
    assert store.records("nothing_here") == ()
    assert store.studies() == ()


def test_the_index_is_replaced_and_reads_back(store: Store) -> None:
    store.write_index(index_of(SMALL))
    newer = index_of(SMALL).model_copy(update={"question": "Another?"})
    store.write_index(newer)
    assert store.read_index(STUDY) == newer


def test_an_absent_index_names_the_studies_that_are_there(store: Store) -> None:
    stored(SMALL, store)
    with pytest.raises(StoreError, match="did you mean 'entropy_vs_similarity'"):
        store.read_index("entropy_vs_similarty")


def test_a_damaged_index_is_told_in_a_sentence(store: Store) -> None:
    store.write_index(index_of(SMALL)).write_text('{"schema": 1}')
    with pytest.raises(StoreError, match=r"trials\.json\.study: is required"):
        store.read_index(STUDY)


def test_studies_are_folders_with_a_plan_or_a_record(store: Store) -> None:
    stored(SMALL, store)
    for name in ("artifacts", "empty", ".leases"):
        (store.root / name).mkdir()
    assert store.studies() == (STUDY,)


def test_the_newest_ok_run_gives_each_measurement() -> None:
    top1 = next(m for m in candidate().measurements if m.split == "test")
    better = top1.model_copy(update={"value": 0.5})
    second = later(candidate(), "second", 1, measurements=(better,))
    for order in ((candidate(), second), (second, candidate())):
        (result,) = latest(order)
        assert result.measurements[asked("top1", "test")].value == 0.5
        assert result.measurements[asked("macs")].value is not None
        assert [run.id for run in result.runs] == ["second", candidate().run.id]


def test_a_failed_run_does_not_hide_an_older_ok_one() -> None:
    (result,) = latest([candidate(), later(failed(candidate()), "second", 1)])
    assert result.status == "ok"
    assert result.removed == candidate().removed


def test_a_trial_without_an_ok_run_is_failed_for_its_newest_reason() -> None:
    old, new = failed(candidate(), message="first"), later(failed(candidate(), message="second"), "b", 1)
    (result,) = latest([new, old])
    assert (result.status, result.reason) == ("failed", "second")
    assert result.measurements == {}


def test_machine_classes_are_kept_apart() -> None:
    environment = candidate().environment
    assert environment is not None
    other = later(candidate(), "b", 1, environment=environment.model_copy(update={"machine_class": "gpu-1"}))
    assert [r.machine_class for r in latest([candidate(), other])] == ["cpu-5f2c9a", "gpu-1"]


def test_a_run_lost_before_its_machine_was_known_makes_no_second_row() -> None:
    lost = later(failed(candidate(), "lost"), "b", 1, environment=None)
    (result,) = latest([candidate(), lost])
    assert (result.status, result.machine_class) == ("ok", "cpu-5f2c9a")
    (alone,) = latest([lost])
    assert (alone.status, alone.machine_class) == ("failed", "unknown")


def test_ages_are_compared_as_times_and_not_as_text() -> None:
    early = later(candidate(), "a", 1)
    run = early.run.model_copy(update={"id": "b", "finished": "2026-03-31T23:30:00-05:00"})  # 04:30 of April 1st, UTC
    value = Measurement(metric="top1", unit="1", better="higher", kind="exact", split="test", value=0.25)
    (result,) = latest([early.model_copy(update={"run": run, "measurements": (value,)}), early])
    assert result.measurements[asked("top1", "test")].value == 0.25
