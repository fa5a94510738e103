"""Records of a study in a notebook: all that can be trusted, and their table."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from builders import Plan, records_of, stored

import harness
from harness.errors import SpecError, StoreError
from harness.results import latest
from harness.store import Store
from harness.tables.frame import frame

SMALL = Plan(study="small", seeds=(0, 1), criteria=("entropy", "random"), draws=2, counts=(2,), contrast=None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    stored(SMALL, Store(tmp_path / "results"))
    return tmp_path / "results" / "small"


def test_every_record_is_there(folder: Path) -> None:
    found = harness.load_records(folder)
    assert found.study == "small"
    assert {r.run.id for r in found.records} == {r.run.id for r in records_of(SMALL)}
    assert len(found) == len(records_of(SMALL))


def test_the_frame_is_the_table_of_trials(folder: Path) -> None:
    pd.testing.assert_frame_equal(harness.load_records(str(folder)).frame(), frame(latest(records_of(SMALL))))


def test_a_relative_folder_will_do(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert len(harness.load_records(".")) == len(records_of(SMALL))
    monkeypatch.chdir(folder.parent)
    assert len(harness.load_records("small")) == len(records_of(SMALL))


def test_a_damaged_record_is_left_out_and_named(folder: Path) -> None:
    path = next(folder.glob("*/*.json"))
    path.write_text(path.read_text(encoding="utf-8").replace('"ok"', '"failed"', 1), encoding="utf-8")
    found = harness.load_records(folder)
    assert len(found) == len(records_of(SMALL)) - 1
    assert [d.path for d in found.damaged] == [path.relative_to(folder.parent).as_posix()]


def test_a_study_without_records_is_told_with_the_nearest_name(folder: Path) -> None:
    with pytest.raises(StoreError, match="smal: no record of a study here; did you mean 'small'"):
        harness.load_records(folder.parent / "smal")


@pytest.mark.parametrize("name", ["artifacts", "Not A Study"])
def test_a_folder_that_is_no_studys_is_told(folder: Path, name: str) -> None:
    with pytest.raises(SpecError):
        harness.load_records(folder.parent / name)
