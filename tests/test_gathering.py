"""Results of two machines in one folder: side by side, never mixed; what is damaged stays where it is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from builders import Plan, index_of, records_of, stored
from small_studies import called, launched, records, run_here, small, written

from harness.errors import StoreError
from harness.gathering import merge
from harness.records import Record
from harness.store import Store

HERE = Plan(seeds=(0,), counts=(2,), draws=1)
THERE = Plan(seeds=(0,), counts=(2, 3), draws=1, machine_class="gpu-1a2b3c", device="cuda:0")


def other_runs(plan: Plan) -> tuple[Record, ...]:
    return tuple(
        record.model_copy(update={"run": record.run.model_copy(update={"id": f"{record.run.id}x"})})
        for record in records_of(plan)
    )


def test_runs_of_two_machines_stand_side_by_side(tmp_path: Path) -> None:
    here = stored(HERE, Store(tmp_path / "here"))
    stored(THERE, Store(tmp_path / "there"), other_runs(THERE))
    found = merge(tmp_path / "there", tmp_path / "here")
    assert (found.records, found.refused) == (len(records_of(THERE)), [])
    classes = {r.environment.machine_class for r in here.records(HERE.study) if r.environment}
    assert classes == {HERE.machine_class, THERE.machine_class}
    planned = {trial.id for trial in here.read_index(HERE.study).trials}
    assert planned == {t.id for plan in (HERE, THERE) for t in index_of(plan).trials}
    assert merge(tmp_path / "there", tmp_path / "here").records == 0  # the second time nothing is new


def test_a_run_that_is_another_one_here_is_told_and_neither_is_changed(tmp_path: Path) -> None:
    here = stored(HERE, Store(tmp_path / "here"))
    first, *rest = records_of(HERE)
    changed = first.model_copy(update={"reason": "another story"})
    stored(HERE, Store(tmp_path / "there"), (changed, *rest))
    before = here.records(HERE.study)
    (sentence,) = merge(tmp_path / "there", tmp_path / "here").refused
    assert f"run {first.run.id} of {first.trial.id} is another one here" in sentence
    assert here.records(HERE.study) == before


def test_a_folder_without_results_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no results lie here"):
        merge(tmp_path, tmp_path / "here")


@pytest.mark.slow
def test_artifacts_come_along_and_damaged_or_linked_ones_do_not(tmp_path: Path) -> None:
    path = written(tmp_path, small(collectors=["accuracy", "macs", "params"]))
    run_here(path, tmp_path / "there")
    intact = [p for p in (tmp_path / "there/artifacts").glob("*/*/*") if p.is_dir()]
    for number, spoil in enumerate((damage, link)):
        source, target = tmp_path / f"spoiled{number}", tmp_path / f"here{number}"
        shutil.copytree(tmp_path / "there", source)
        spoiled = sorted(p for p in (source / "artifacts/prepare").glob("*/*") if p.is_dir())[0]
        spoil(spoiled)
        found = merge(source, target)
        assert found.artifacts == len(intact) - 1
        (sentence,) = found.refused
        assert (
            sentence
            == f"artifacts/prepare/{spoiled.parent.name}/{spoiled.name}: damaged, or not what its manifest says"
        )
        assert spoiled.is_dir()  # and not renamed, for it is somebody else's
    done = called(tmp_path, "merge", "there", "--results", "here")
    assert done.stdout == f"2 runs and {len(intact)} artifacts added\n"
    assert launched(path, tmp_path / "here").done_before == 2
    assert len(records(tmp_path / "here", "small")) == 2


def damage(folder: Path) -> None:
    victim = next(p for p in sorted(folder.iterdir()) if p.name != "manifest.json")
    victim.write_bytes(victim.read_bytes()[:-1] + b"?")


def link(folder: Path) -> None:
    victim = next(p for p in sorted(folder.iterdir()) if p.name != "manifest.json")
    elsewhere = folder.parent / "elsewhere"
    victim.rename(elsewhere)
    victim.symlink_to(elsewhere)
