"""Folders that are as they were are not listed again, and whatever changes in one is seen."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import Plan, records_of, stored

from harness.ledger import rows
from harness.ledger.planned import read_plan
from harness.ledger.unchanged import UNKNOWN, lying
from harness.records import Record
from harness.sources import Source, loose
from harness.store import Store

PLAN = Plan(seeds=(0,), criteria=("entropy", "random"), draws=1, counts=(2, 4))
RECORDS = records_of(PLAN)
STUDY = PLAN.study
HOUR_NS = 3600 * 10**9


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A study whose files are an hour old, with rows that are kept."""
    found = stored(PLAN, Store(tmp_path / "results"), RECORDS)
    for record in RECORDS:
        _aged(found, record)
    _listed(found)
    return found


def _file(store: Store, record: Record) -> Path:
    return store.folder(STUDY) / record.trial.id / f"{record.run.id}.json"


def _aged(store: Store, record: Record, by_ns: int = HOUR_NS) -> None:
    then = time.time_ns() - by_ns
    for path in (_file(store, record), _file(store, record).parent):
        os.utime(path, ns=(then, then))


def _listed(store: Store) -> set[str]:
    """The trials whose folders a look at the rows lists."""
    listed: set[str] = set()

    def watched(folder: Path, trial: str | None) -> list[Source]:
        listed.add(str(trial))
        return [*loose(folder, trial)]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(rows, "loose", watched)
        rows.read_rows(store, STUDY, read_plan(store, STUDY))
    return listed


def _written_over(path: Path) -> None:
    """In place, so that the folder keeps its time."""
    path.write_text(path.read_text() + "\n")


def _added(path: Path) -> None:
    path.with_name("20990101T000000-00000000.json").write_text("{}")


@pytest.mark.parametrize("change", [_written_over, _added, Path.unlink], ids=["written over", "added", "taken away"])
def test_only_a_folder_in_which_something_changed_is_listed(store: Store, change: Callable[[Path], None]) -> None:
    assert _listed(store) == set()
    changed = RECORDS[2].trial
    change(_file(store, RECORDS[2]))
    assert {changed.id} <= _listed(store) <= {changed.id, changed.baseline}  # beside which its row is made anew


def test_a_folder_that_changed_a_moment_ago_is_listed_again(store: Store) -> None:
    os.utime(_file(store, RECORDS[2]).parent)
    assert _listed(store) == _listed(store) == {RECORDS[2].trial.id}


def test_a_folder_older_than_its_file_vouches_for_nothing(store: Store) -> None:
    found = [*loose(store.folder(STUDY), RECORDS[0].trial.id)]
    newest = found[0].stamp.mtime_ns
    assert lying(newest, found).since == newest
    assert lying(newest - 1, found).since == UNKNOWN
