"""Jobs that outlive their launcher: handed over, seen, followed, ended, and never done twice."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_studies import Silent, called, launched, records, small, written

from harness.errors import SpecError
from harness.executors.base import stop
from harness.executors.inline import Inline
from harness.jobs import JobFolder
from harness.launch import watch
from harness.live import live_jobs
from harness.process_mark import mark
from harness.store import Store

pytestmark = pytest.mark.slow


def detached(folder: Path, draws: int = 6) -> tuple[Path, JobFolder]:
    """A study of some seconds that runs without a launcher."""
    path = written(folder, small(criteria=[{"name": "random", "draws": draws}]))
    done = called(folder, "run", path.name, "--device", "cpu", "--detach")
    assert f"small: {draws + 1} trials handed over; they run on without this command" in done.stdout
    return path, JobFolder(folder / "results", "small")


def test_what_runs_is_followed_to_its_end_and_forgotten(tmp_path: Path) -> None:
    _, folder = detached(tmp_path, draws=3)
    assert [one.handle.state() for one in live_jobs(folder)] == ["running here"]
    (place,) = folder.jobs.glob("*.where.json")
    assert place.stat().st_mode & 0o777 == 0o600
    summary = watch(Store(tmp_path / "results"), "small", Silent())
    assert (summary.failed, summary.left) == ({}, 0)
    assert len(records(tmp_path / "results", "small")) == 4
    assert live_jobs(folder) == []


def test_another_run_waits_for_what_runs_and_does_it_not_again(tmp_path: Path) -> None:
    path, folder = detached(tmp_path)
    summary = launched(path, tmp_path / "results")
    assert summary.failed == {}
    found = records(tmp_path / "results", "small")
    assert [len(runs) for runs in found.values()] == [1] * 7
    assert len(list(folder.jobs.glob("*-0.json"))) == 1  # nothing was handed over a second time


def test_a_job_that_died_unseen_is_written_down_and_its_trials_run_again(tmp_path: Path) -> None:
    path, folder = detached(tmp_path)
    (one,) = live_jobs(folder)
    wait_for_records(tmp_path / "results", more_than=0)
    one.handle.end(now=True)
    deadline = time.monotonic() + 20
    while one.handle.is_running() and time.monotonic() < deadline:
        time.sleep(0.05)
    summary = launched(path, tmp_path / "results")
    assert summary.failed == {}
    assert {runs[-1].status for runs in records(tmp_path / "results", "small").values()} == {"ok"}


def wait_for_records(results: Path, more_than: int) -> None:
    deadline = time.monotonic() + 60
    while len(records(results, "small")) <= more_than:
        assert time.monotonic() < deadline, "no record came"
        time.sleep(0.05)


def test_a_cancelled_study_keeps_what_was_done_and_shows_nothing_running(tmp_path: Path) -> None:
    _, folder = detached(tmp_path, draws=400)
    wait_for_records(tmp_path / "results", more_than=2)
    assert "1 job running here" in called(tmp_path, "status", "small").stdout
    done = called(tmp_path, "cancel", "small")
    assert (done.returncode, done.stdout) == (0, "small: 1 job ended; finished trials are kept\n")
    assert live_jobs(folder) == []
    state = called(tmp_path, "status", "small").stdout
    assert ", 0 running" in state
    assert "job" not in state
    assert records(tmp_path / "results", "small")
    watched = called(tmp_path, "watch", "small")
    assert watched.returncode == 1
    assert "trials left; run the study again" in watched.stderr


def test_a_process_of_another_machine_is_not_ended_by_its_number_here(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    try:
        elsewhere = {**mark(other.pid), "machine": "another"}
        (handle,) = Inline().attach([(tmp_path / "j.json", elsewhere)])
        assert handle is not None
        assert handle.is_running()  # nothing is known against it
        handle.end(now=False)
        handle.end(now=True)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_new_question_is_asked_although_the_trial_runs(tmp_path: Path) -> None:
    path, _ = detached(tmp_path)
    summary = launched(path, tmp_path / "results", "collectors=[macs, params, activations]")
    assert (summary.failed, summary.left) == ({}, 0)
    for runs in records(tmp_path / "results", "small").values():
        assert "activations" in {m.metric for run in runs for m in run.measurements}


def test_a_damaged_note_of_where_a_job_went_is_passed_over(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path, "small")
    folder.create()
    for number, text in enumerate(["", "[]", "{}", '{"executor": {"name": "x"}, "where": {}}', '{"executor": 1}']):
        (folder.jobs / f"j{number}.where.json").write_text(text)
    assert live_jobs(folder) == []


def test_one_damaged_note_hides_no_other(tmp_path: Path) -> None:
    _, folder = detached(tmp_path)
    (place,) = folder.jobs.glob("*.where.json")
    (folder.jobs / "j.where.json").write_text(place.read_text().replace('"pid"', '"dip"'))
    (one,) = live_jobs(folder)
    stop([one.handle], 20.0)
    assert not one.handle.is_running()


def test_an_executor_whose_jobs_end_with_the_launcher_says_so(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="--detach: jobs of the executor local end with their launcher"):
        launched(written(tmp_path, small()), tmp_path / "results", detach=True, executor="local")


def test_a_log_is_found_by_the_beginning_of_its_name(finished_small: Path, tmp_path: Path) -> None:
    shutil.copytree(finished_small, tmp_path / "results")
    assert "printed nothing" in called(tmp_path, "logs", "tiny-baseline").stdout
    assert "which of tiny-attention-last" in called(tmp_path, "logs", "tiny").stderr
    assert called(tmp_path, "logs", "nobody").returncode == 2
