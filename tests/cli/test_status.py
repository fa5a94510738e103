"""`harness status`: who runs and waits, what failed and why, and when all will have ended, if anybody can tell."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from builders import Plan, failed, index_of, records_of

from harness.cli.status import show_status
from harness.jobs import Assignment, Job, JobFolder, events_path
from harness.store import Store

PLAN = Plan(seeds=(0,), criteria=("entropy",), contrast=None, counts=(2, 3, 4, 5, 6))
RECORDS = records_of(PLAN)


def study(results: Path, done: int, spent: float | None = None, ago_s: float = 30.0) -> None:
    """The first trials are done, the next has failed, and a job holds the others and is at the first of them."""
    store = Store(results)
    store.write_index(index_of(PLAN))
    for record in RECORDS[:done]:
        store.write_record(record.model_copy(update={"timings": {} if spent is None else {"total_s": spent}}))
    store.write_record(failed(RECORDS[done]))
    folder = JobFolder(results, PLAN.study)
    folder.create()
    trials = [record.trial for record in RECORDS[done + 1 :]]
    assignments = tuple(Assignment(trial=trial, asked=()) for trial in trials)
    path = folder.write(Job(id="j", study=PLAN.study, results="", assignments=assignments, collectors=()))
    now = time.time()
    events = [
        {"event": "worker", "time": now - 40},
        {"event": "started", "time": now - ago_s, "trial": trials[0].id},
        {"event": "stage", "time": now - ago_s + 10, "trial": trials[0].id, "stage": "cost", "note": "latency"},
    ]
    events_path(path).write_text("".join(json.dumps(event) + "\n" for event in events))


def shown(results: Path, capsys: pytest.CaptureFixture[str], as_json: bool = False) -> str:
    assert show_status(PLAN.study, as_json, results) == 0
    return capsys.readouterr().out


def test_every_state_has_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study(tmp_path, done=1)
    out = shown(tmp_path, capsys)
    running = RECORDS[2].trial.id
    assert out.startswith(f"{PLAN.study}: 6 trials: 1 done, 1 failed, 4 new, 1 running, 3 queued\n")
    assert f"running {running}  here, for 30 s: cost latency\n" in out
    assert f"failed  {RECORDS[1].trial.id}: " in out
    assert out.splitlines()[-1] == "estimated end: no estimate before 3 trials have ended"


def test_nothing_runs_for_less_than_no_time_where_a_nodes_clock_is_ahead(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study(tmp_path, done=1, ago_s=-30.0)
    assert f"running {RECORDS[2].trial.id}  here, for 0 s: cost latency\n" in shown(tmp_path, capsys)


def test_past_runs_tell_when_it_will_have_ended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study(tmp_path, done=1, spent=600.0)
    assert "estimated end: in about 40 min, " in (out := shown(tmp_path, capsys))
    assert out.endswith("from 1 past run\n")


def test_json_has_all_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study(tmp_path, done=1)
    found = json.loads(shown(tmp_path, capsys, as_json=True))
    running, *queued = (record.trial.id for record in RECORDS[2:])
    assert found["running"] == {running: "cost latency"}
    assert found["queued"] == queued
    assert found["doing"][0]["where"] == "here"
    assert found["trials"][RECORDS[1].trial.id] == "failed"
    assert set(found["reasons"]) == {RECORDS[1].trial.id}
    assert found["end"]["at"] is None


def test_a_trial_that_runs_in_an_early_job_of_its_chain_does_not_wait_as_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study(tmp_path, done=1)
    folder = JobFolder(tmp_path, PLAN.study)
    trials = [record.trial for record in RECORDS[2:]]
    assignments = tuple(Assignment(trial=trial, asked=()) for trial in trials)
    early = Job(id="i", study=PLAN.study, results="", assignments=assignments[1:2], collectors=(), stages=("select",))
    path = folder.write(early)
    event = {"event": "started", "time": time.time(), "trial": trials[1].id}
    events_path(path).write_text(json.dumps(event) + "\n")
    assert ", 2 running, 2 queued\n" in shown(tmp_path, capsys)
