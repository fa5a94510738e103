"""What a worker does when a trial raises, is killed, or runs out of time, and when its launcher is gone."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from small_studies import called, command, environment, launched, records, small, written

from harness.executors.base import worker_command
from harness.jobs import EventLog, EventTail, Job, JobFolder, events_path, read_job
from harness.records import Record
from harness.retries import Retries
from harness.store import Store

pytestmark = pytest.mark.slow
PLUGINS = '''"""Two criteria that fail."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from harness.criteria.base import UnitCriterion, criteria


@criteria.register("raising")
class Raising(UnitCriterion):
    """Raises."""

    needs_calibration = False

    def scores(self, scoring):
        raise RuntimeError("no score for /home/someone/secret/file")


@criteria.register("deadly")
class Deadly(UnitCriterion):
    """Kills its own process."""

    needs_calibration = False

    def scores(self, scoring):
        os.kill(os.getpid(), signal.SIGKILL)


@criteria.register("deadly_once")
class DeadlyOnce(UnitCriterion):
    """Kills its own process when it is first asked."""

    needs_calibration = False

    def scores(self, scoring):
        sign = Path(__file__).with_name("died")
        if not sign.exists():
            sign.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return {unit.name: 0.0 for unit in scoring.units}
'''


@dataclass
class Outcome:
    """A study with criteria that fail between others, run as a command."""

    result: subprocess.CompletedProcess[str]
    records: dict[str, Record]
    folder: Path


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    folder = tmp_path_factory.mktemp("faults")
    package = folder / "plugins"
    entry_points = package / "bad_criteria-1.dist-info" / "entry_points.txt"
    entry_points.parent.mkdir(parents=True)
    (package / "bad_criteria.py").write_text(PLUGINS)
    (entry_points.parent / "METADATA").write_text("Metadata-Version: 2.1\nName: bad_criteria\nVersion: 1\n")
    entry_points.write_text("[harness.criteria]\nbad = bad_criteria\n")
    path = written(folder, small(criteria=["raising", "deadly", "last"]))
    result = called(folder, "run", path.name, PYTHONPATH=str(package))
    found = {str(runs[-1].trial.criterion): runs[-1] for runs in records(folder / "results", "small").values()}
    return Outcome(result, found, folder)


def test_a_trial_that_raises_is_a_failed_record(outcome: Outcome) -> None:
    failure = outcome.records["raising"].failure
    assert failure is not None
    assert (failure.kind, failure.stage, failure.retry) == ("error", "select", False)
    assert "no score" in failure.message
    assert failure.log == f"logs/{outcome.records['raising'].trial.id}.log"
    assert "RuntimeError" in (failure.traceback or "")
    assert "/home/" not in outcome.records["raising"].model_dump_json()


def test_a_killed_trial_is_a_failed_record_that_may_be_tried_again(outcome: Outcome) -> None:
    failure = outcome.records["deadly"].failure
    assert failure is not None
    assert (failure.kind, failure.signal, failure.retry) == ("killed", signal.SIGKILL, True)
    assert outcome.records["deadly"].run.attempt == 2
    assert outcome.records["raising"].run.attempt == 1


def test_the_study_goes_on_after_a_failure(outcome: Outcome) -> None:
    assert outcome.records["last"].status == "ok"


def test_failed_trials_are_told_with_the_way_to_retry_them(outcome: Outcome) -> None:
    assert outcome.result.returncode == 1
    assert "2 trials failed; run them again with: python -m harness run study.yaml --retry-failed" in (
        outcome.result.stderr
    )
    assert "Traceback" not in outcome.result.stderr + outcome.result.stdout


def test_status_tells_what_failed_and_why(outcome: Outcome) -> None:
    result = called(outcome.folder, "status", "small")
    assert result.returncode == 0
    assert "4 trials: 2 done, 2 failed, 0 new" in result.stdout
    assert "killed by SIGKILL" in result.stdout


@pytest.fixture
def job(finished_small: Path, tmp_path: Path) -> Job:
    """A job of two trials of a finished study, to be done again in `results`, a copy."""
    results = shutil.copytree(finished_small, tmp_path / "results")
    (path,) = JobFolder(results, "small").jobs.glob("*-0.json")
    return read_job(path).model_copy(update={"id": "later", "results": str(results), "submitted": time.time() + 5})


def _handed_over(job: Job, **changes: Any) -> Path:
    """The file of the job with changes, which a worker has run to its end."""
    file = JobFolder(Path(job.results), "small").write(job.model_copy(update=changes))
    assert subprocess.call(worker_command(file)) == 0
    return file


def test_a_trial_out_of_time_is_stopped_and_the_rest_goes_on(tmp_path: Path, job: Job) -> None:
    _handed_over(job, timeout_s=0.001)
    newest = [runs[-1] for runs in records(tmp_path / "results", "small").values()]
    assert [r.failure.kind if r.failure else None for r in newest] == ["timeout", "timeout"]
    assert all("timeout_min" in (r.reason or "") for r in newest)


def test_a_worker_with_other_code_than_was_submitted_runs_nothing(tmp_path: Path, job: Job) -> None:
    file = _handed_over(job, code="0123")
    found = records(tmp_path / "results", "small")
    refused = [run for runs in found.values() for run in runs if run.status == "failed"]
    assert len(refused) == 2
    assert all("changed after this job was submitted; run the study again" in (r.reason or "") for r in refused)
    assert all(r.failure is not None and r.failure.retry for r in refused)
    assert [event["event"] for event in EventTail(events_path(file)).new()] == ["worker", "ended", "ended", "finished"]


def test_a_killed_trial_is_tried_again_behind_all_others(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(PLUGINS)
    path = written(tmp_path, small(plugins=["./own.py"], criteria=["deadly_once", "last"]))
    summary = launched(path, tmp_path / "results")
    assert (len(summary.ok), summary.failed) == (3, {})
    (runs,) = [r for r in records(tmp_path / "results", "small").values() if r[0].trial.criterion == "deadly_once"]
    assert [(run.status, run.run.attempt) for run in runs] == [("failed", 1), ("ok", 2)]
    ends = [run[-1].run.finished for run in records(tmp_path / "results", "small").values()]
    assert runs[-1].run.finished == max(ends)


def test_after_a_time_out_there_is_twice_the_time_and_every_attempt_is_a_record(tmp_path: Path, job: Job) -> None:
    file = _handed_over(job, timeout_s=0.001, retries=Retries().by_class())
    for runs in records(tmp_path / "results", "small").values():
        told = [run.reason or "" for run in runs if run.status == "failed"]
        assert [words.partition(";")[0] for words in told] == ["stopped after 0.001 s", "stopped after 0.002 s"]
    words = [event["event"] for event in EventTail(events_path(file)).new() if event["event"] in ("again", "ended")]
    assert words == ["again", "again", "ended", "ended"]


def _started(folder: Path, path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command("run", path.name),
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=_hears_ctrl_c,  # noqa: PLW1509  # before any thread of the child
    )


def _hears_ctrl_c() -> None:
    # A shell without job control starts background commands, and so these tests, with the signal ignored.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _wait_for_records(store: Store, more_than: int, limit_s: float = 120.0) -> int:
    deadline = time.monotonic() + limit_s
    while len(store.records("small")) <= more_than:
        assert time.monotonic() < deadline, "no record came"
        time.sleep(0.05)
    return len(store.records("small"))


def _family(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def _are_gone(processes: list[psutil.Process], within_s: float) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=within_s)
    return all(process.status() == psutil.STATUS_ZOMBIE for process in alive)


def test_an_interrupted_study_keeps_its_records_and_goes_on_from_there(tmp_path: Path) -> None:
    path = written(tmp_path, small(criteria=[{"name": "random", "draws": 400}]))
    store = Store(tmp_path / "results")

    first = _started(tmp_path, path)
    kept = _wait_for_records(store, 1)
    family = _family(first.pid)
    first.send_signal(signal.SIGINT)
    out, err = first.communicate(timeout=60)
    assert first.returncode == 130
    assert "finished trials are kept; go on with: python -m harness run study.yaml" in out
    assert "Traceback" not in out + err
    assert family
    assert _are_gone(family, 10)
    finished = store.records("small")
    assert len(finished) >= kept
    assert {record.status for record in finished} == {"ok"}

    second = _started(tmp_path, path)
    _wait_for_records(store, len(finished))
    family = _family(second.pid)
    os.kill(second.pid, signal.SIGKILL)
    second.communicate(timeout=60)
    assert family
    assert _are_gone(family, 15), "the worker outlived its launcher"
    assert all(len(runs) == 1 for runs in records(tmp_path / "results", "small").values())


def test_a_long_message_is_one_whole_event(tmp_path: Path) -> None:
    log = EventLog(events_path(tmp_path / "job.json"))
    log.add("ended", trial="t", status="failed", message="\u2026\n" * 5000)
    log.add("finished")
    first, second = EventTail(log.path).new()
    assert str(first["message"]).startswith("\u2026\n")
    assert second["event"] == "finished"


def test_a_worker_prepares_each_model_once(tmp_path: Path) -> None:
    launched(written(tmp_path, small(seeds=[0, 1], criteria=["last", "random"])), tmp_path / "results")
    prepared = list((tmp_path / "results" / "artifacts" / "prepare").glob("*/*"))
    assert len(prepared) == 2
    found = records(tmp_path / "results", "small")
    assert all(run.run.stages["prepare"].reused for (run,) in found.values())  # made ahead, side by side


def test_a_job_is_read_as_it_was_written(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path, "small")
    folder.create()
    job = Job(id="j", study="small", results=str(tmp_path), assignments=(), collectors=())
    assert read_job(folder.write(job)) == job


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core only")
def test_workers_side_by_side_share_no_core() -> None:
    code = "import os; from harness.worker import _pin; _pin({slot}, 2); print(*sorted(os.sched_getaffinity(0)))"
    found = []
    for slot in range(2):
        words = [sys.executable, "-c", code.format(slot=slot)]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        found.append({int(core) for core in done.stdout.split()})
    assert found[0] & found[1] == set()
    assert found[0] | found[1] == os.sched_getaffinity(0)
