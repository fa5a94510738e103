"""A trial that is killed while it trains goes on from where it was, and leaves nothing behind."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_studies import job_of, small, written

from harness.artifacts import Artifacts, Maker
from harness.pending import assignments, standings
from harness.plan import make_plan
from harness.records import Record
from harness.run_trial import run_trial
from harness.study_file import load_study

HERE = Maker("trial", "run", "here", "software")
Progress = Callable[[str, str], None]


@pytest.fixture(autouse=True)
def _eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every epoch is told and kept."""
    monkeypatch.setattr("harness.training.checkpoints.EVERY_S", 0.0)
    monkeypatch.setattr("harness.training.loop.monotonic", iter(range(10**6)).__next__)


FEW = {"name": "digits", "splits": {"train": 64, "calibration": 16, "validation": 16, "test": 16}}
LENGTH = {"epochs": 3, "ema": 0.9}


def run(results: Path, progress: Progress, *, baseline: bool = False, recovery: str = "dilution", **job: Any) -> Record:
    """A trial of a small study whose weights and recovery are trained for three epochs each."""
    results.mkdir(exist_ok=True)
    study = small(data=FEW, collectors=["accuracy"], recoveries=[{"name": recovery, **LENGTH}])
    study["models"] = [{**study["models"][0], "weights": {"train": LENGTH}}]
    plan = make_plan(load_study(written(results, study)), results)
    head = job_of(plan, results, **job)
    todo = assignments(plan, standings(plan, (), None))
    return run_trial(
        head,
        next(one for one in todo if (one.trial.criterion is None) == baseline and one.trial.recovery != "none"),
        progress,
    )


def killed_at(results: Path, stage: str, note: str) -> None:
    def progress(now: str, told: str) -> None:
        if now == stage and told.startswith(note):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(results, progress)


@pytest.mark.parametrize("stage", ["prepare", "recover"])
def test_a_killed_stage_goes_on_to_the_same_content(stage: str, tmp_path: Path) -> None:
    whole = run(tmp_path / "whole", lambda *_: None)
    assert whole.status == "ok", whole.failure
    killed_at(tmp_path / "cut", stage, "epoch 2/3")
    places = list((tmp_path / "cut" / "artifacts" / stage).rglob("position.json"))
    assert len(places) == 1
    notes: list[tuple[str, str]] = []
    again = run(tmp_path / "cut", lambda now, told: notes.append((now, told)))
    assert again.run.stages[stage].content == whole.run.stages[stage].content
    assert [told[:9] for now, told in notes if now == stage and told] == ["goes on a", "epoch 3/3"]
    assert not list((tmp_path / "cut" / "artifacts").rglob("*unfinished*"))


def test_fresh_begins_again(tmp_path: Path) -> None:
    killed_at(tmp_path, "prepare", "epoch 2/3")
    for path in (tmp_path / "artifacts" / "prepare").rglob("*"):
        os.utime(path, (1.0, 1.0))
    notes: list[str] = []
    run(tmp_path, lambda now, told: notes.append(told) if now == "prepare" else None, fresh=("prepare",))
    assert [told[:9] for told in notes if told] == ["epoch 1/3", "epoch 2/3", "epoch 3/3"]


def test_another_kind_of_machine_has_a_place_of_its_own(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path)
    other = Maker("trial", "run", "there", "software")
    newer = Maker("trial", "run", "here", "newer")
    places = {artifacts.unfinished("prepare", "abc", maker) for maker in (HERE, other, newer)}
    assert len(places) == 3
    assert artifacts.unfinished("prepare", "abc", Maker("b", "c", "here", "software")) in places


def test_what_is_unfinished_is_no_artifact(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path)
    place = artifacts.unfinished("prepare", "abc", HERE)
    place.mkdir(parents=True)
    assert artifacts.get("prepare", "abc", HERE) is None
    assert place.is_dir()


def test_only_what_is_older_than_asked_for_is_emptied(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path)
    place = artifacts.unfinished("prepare", "abc", HERE)
    place.mkdir(parents=True)
    (place / "a").write_text("")
    assert artifacts.unfinished("prepare", "abc", HERE, time.time() - 60).is_dir()
    assert not artifacts.unfinished("prepare", "abc", HERE, time.time() + 60).exists()


def test_scratch_with_nothing_removed_is_the_model_as_it_was_trained(tmp_path: Path) -> None:
    found = run(tmp_path, lambda *_: None, baseline=True, recovery="scratch")
    assert found.status == "ok", found.failure
    stages = found.run.stages
    assert stages["recover"].content == stages["prepare"].content
