"""What jobs do now: who runs since when and where, who waits, what has ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from builders import Plan, records_of

from harness.activity import HERE, SILENT_S, Activity, activity
from harness.jobs import Assignment, Job, JobFolder, events_path

TRIALS = [record.trial for record in records_of(Plan(seeds=(0,), criteria=("entropy",), contrast=None))[:4]]
NAMES = [trial.id for trial in TRIALS]


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    found = JobFolder(tmp_path, "study")
    found.create()
    return found


def spoken(folder: JobFolder, job: str, *events: dict[str, Any], trials: int = 4) -> None:
    """A job of some trials, and what it said."""
    assignments = tuple(Assignment(trial=trial, asked=()) for trial in TRIALS[:trials])
    path = folder.write(Job(id=job, study="study", results="", assignments=assignments, collectors=()))
    events_path(path).write_text("".join(json.dumps(event) + "\n" for event in events))


def said(event: str, time: float, trial: int | None = None, **more: Any) -> dict[str, Any]:
    return {"event": event, "time": time, **({} if trial is None else {"trial": NAMES[trial]}), **more}


BEGUN = (
    said("worker", 100.0),
    said("started", 101.0, 0),
    said("ended", 110.0, 0, status="ok"),
    said("started", 111.0, 1),
    said("stage", 112.0, 1, stage="select", note="pass 2"),
)


def at(folder: JobFolder, now: float) -> Activity:
    return activity(folder, now)


def test_a_trial_runs_since_it_was_started_and_says_what_it_does(folder: JobFolder) -> None:
    spoken(folder, "j1", *BEGUN)
    found = at(folder, 120.0)
    (doing,) = found.doing
    assert (doing.trial, doing.stage, doing.note, doing.since, doing.where) == (
        NAMES[1],
        "select",
        "pass 2",
        111.0,
        "here",
    )
    assert found.queued == NAMES[2:]
    assert (found.ended, found.begun) == (1, 100.0)
    assert HERE.endswith(doing.where)


def test_a_job_that_has_said_nothing_for_long_is_not_taken_to_run(folder: JobFolder) -> None:
    spoken(folder, "j1", *BEGUN)
    assert at(folder, 112.0 + SILENT_S + 1) == Activity()


def test_a_job_that_has_finished_runs_and_holds_nothing(folder: JobFolder) -> None:
    spoken(folder, "j1", *BEGUN, said("finished", 113.0))
    assert at(folder, 114.0) == Activity()


def test_a_trial_that_is_to_be_tried_again_waits(folder: JobFolder) -> None:
    spoken(folder, "j1", *BEGUN, said("again", 113.0, 1, status="failed"))
    found = at(folder, 114.0)
    assert (found.doing, found.queued) == ([], NAMES[1:])


def test_what_another_launcher_had_run_is_no_work_of_this_one(folder: JobFolder) -> None:
    spoken(folder, "j1", said("worker", 100.0), said("ended", 101.0, 0, status="ok", elsewhere=True))
    found = at(folder, 102.0)
    assert (found.ended, found.queued) == (0, NAMES[1:])


def test_jobs_side_by_side_are_added_up(folder: JobFolder) -> None:
    spoken(folder, "j1", *BEGUN, trials=2)
    spoken(folder, "j2", said("worker", 90.0), said("started", 95.0, 2), trials=3)
    found = at(folder, 115.0)
    assert sorted(one.trial for one in found.doing) == sorted([NAMES[1], NAMES[2]])
    assert found.begun == 90.0


def test_every_job_that_spoke_a_moment_ago_is_heard(folder: JobFolder) -> None:
    for number in range(20):
        spoken(folder, f"j{number:02}", *BEGUN, said("finished", 112.0))
    spoken(folder, "a-first", *BEGUN)
    now = events_path(folder.jobs / "a-first.json").stat().st_mtime
    assert len(at(folder, 115.0).doing) == 1
    assert at(folder, now + 3600.0) == Activity()


def test_a_job_begun_anew_has_forgotten_what_ran_when_its_node_died(folder: JobFolder) -> None:
    spoken(folder, "j1", *BEGUN, said("worker", 120.0))
    found = at(folder, 121.0)
    assert (found.doing, found.queued) == ([], NAMES[1:])
