"""From a word to records: studies, snapshots, files, folders, narrowed; what is ambiguous or absent is a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import Plan, elsewhere, records_of, stored

from harness.errors import HarnessError
from harness.records import Record
from harness.sides import side
from harness.snapshots import save
from harness.store import Store

PLAN = Plan(study="first", seeds=(0,), criteria=("entropy",), contrast=None, counts=(2,))


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Two studies, and a snapshot of each."""
    store = Store(tmp_path / "results")
    for name, machine in (("first", "cpu-1"), ("second", "gpu-2")):
        stored(elsewhere(PLAN, study=name, machine_class=machine), store)
        save(store, name, store.root / "snapshots" / "both" / name)
    save(store, "first", store.root / "snapshots" / "alone" / "first")
    return store.root


def test_a_study_a_snapshot_and_its_file_are_the_same_records(results: Path) -> None:
    records = Store(results).records("first")
    file = results / "snapshots" / "alone" / "first" / "records.jsonl.gz"
    words = ("first", "snapshot:alone", "snapshot:both/first", str(file), str(file.parent), str(file.parents[1]))
    for word in words:
        found = side(word, results)
        assert found.records == records, word
        assert found.index is not None


def test_a_results_folder_a_study_in_it_a_trial_and_a_record_are_sides(results: Path) -> None:
    record = records_of(PLAN)[0]
    trial = results / "first" / record.trial.id
    assert len(side(str(results / "first"), results).records) == 2
    for word in (str(trial), str(trial / f"{record.run.id}.json")):
        assert [one.run.id for one in side(word, results).records] == [record.run.id]


def test_no_label_holds_a_folder_of_this_machine(results: Path) -> None:
    for word in (str(results / "first"), str(results / "snapshots" / "alone")):
        assert "/" not in side(word, results).label


def test_filters_narrow_by_commit_machine_and_version(results: Path) -> None:
    for text in ("commit=1234", "machine=CPU-1", "torch=2.14", "torch=2.14.1", "commit=1234@torch=2"):
        found = side(f"first@{text}", results)
        assert (len(found.records), found.label) == (2, f"first@{text}")


def test_a_commit_is_the_projects_or_that_of_harness(results: Path) -> None:
    records = [_of_project(record) for record in records_of(elsewhere(PLAN, study="installed"))]
    for record in records:
        Store(results).write_record(record)
    assert len(side("installed@commit=77aa", results).records) == len(records)


def _of_project(record: Record) -> Record:
    """As a project's own code makes one with an installed harness."""
    changes = {"project": {"commit": "77aa00", "dirty": False}, "harness": {"version": "1.0"}}
    made = record.environment and record.environment.model_copy(update=changes)
    return record.model_copy(update={"environment": made})


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("frist", "no such study in results; did you mean 'first'?"),
        ("snapshot:bth", "no snapshot 'bth' in results; did you mean 'both'?"),
        ("snapshot:both", "holds 2 studies; name one, as in snapshot:both/first"),
        ("snapshot:both/third", "holds no study 'third'; known: first, second"),
        ("snapshot:../x", "must hold only"),
        ("first@torch=2.1", "no record with torch '2.1'; did you mean '2.14.1'?"),
        ("first@commit=ffff", "no record with commit 'ffff'; known: 1234abcd"),
        ("first@trch=2", "@trch: nothing is called so; did you mean 'torch'?"),
        ("first@torch", "a filter is @commit=.., @machine=.. or @LIBRARY=VERSION"),
        ("no/such/place", "nothing is there; a side is a study"),
        ("no.json", "nothing is there; a side is a study"),
        ("x" * 5000, "no such study in results"),
    ],
)
def test_what_means_nothing_is_a_sentence(results: Path, word: str, sentence: str) -> None:
    with pytest.raises(HarnessError) as raised:
        side(word, results)
    assert sentence in str(raised.value)


def test_a_folder_of_two_studies_and_a_file_of_another_kind_are_sentences(results: Path, tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="holds 2 studies"):
        side(str(results), results)
    (tmp_path / "notes.txt").write_text("none")
    with pytest.raises(HarnessError, match="neither a record nor a file of a snapshot"):
        side(str(tmp_path / "notes.txt"), results)
    (tmp_path / "empty").mkdir()
    with pytest.raises(HarnessError, match="a folder without a record"):
        side(str(tmp_path / "empty"), results)
