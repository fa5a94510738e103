"""What is believed of a job that ended: records before anything else, and of what was not begun no record at all."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
from small_studies import Silent, launched, records, small, written

from harness.executors.base import Handle
from harness.following import Following, Summary
from harness.jobs import EventLog, Job, JobFolder, events_path, read_job
from harness.live import Live
from harness.records import Failure
from harness.schema import Options
from harness.store import Store

pytestmark = pytest.mark.slow


class Gone(Handle):
    """A job that has ended, of which somebody may know why."""

    def __init__(self, why: Failure | None) -> None:
        self.why = why

    def is_running(self) -> bool:
        return False

    def end(self, now: bool) -> None:
        raise AssertionError("nobody ends what is gone")

    def state(self) -> str:
        return ""

    def log(self) -> str:
        return "logs/somewhere.err"

    def failure(self) -> Failure | None:
        return self.why

    def where(self) -> Options:
        return {}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of a study of two trials, run once for all tests."""
    home = tmp_path_factory.mktemp("ran")
    launched(written(home, small()), home / "results", limit=1)
    return home / "results"


@pytest.fixture
def job(ran: Path, tmp_path: Path) -> tuple[Job, Path]:
    """A job of two trials that nobody has run since it was submitted."""
    results = shutil.copytree(ran, tmp_path / "results")
    folder = JobFolder(results, "small")
    (path,) = folder.jobs.glob("*-0.json")
    changes = {"id": "later", "results": str(results), "submitted": time.time() + 5}
    later = read_job(path).model_copy(update=changes)
    return later, folder.write(later)


def followed(tmp_path: Path, job: tuple[Job, Path], why: Failure | None) -> Summary:
    summary = Summary("small", 2, 0)
    store = Store(tmp_path / "results")
    following = Following(store, [], Silent(), summary)
    following.add([Live(*job, Gone(why))])
    following.follow()
    return summary


NODE = Failure(**{"class": "node_failure"}, message="Slurm ended its job: NODE_FAIL, exit code 0", retry=True)


@pytest.mark.parametrize(
    ("why", "kind", "told"),
    [(NODE, "node_failure", "Slurm ended its job: NODE_FAIL"), (None, "lost", "its worker ended early")],
)
def test_the_trial_at_which_a_job_died_has_failed_and_the_rest_is_left(
    tmp_path: Path, job: tuple[Job, Path], why: Failure | None, kind: str, told: str
) -> None:
    at, never_begun = (a.trial.id for a in job[0].assignments)
    EventLog(events_path(job[1])).add("started", trial=at)
    summary = followed(tmp_path, job, why)
    assert (list(summary.failed), summary.left) == ([at], 1)
    (sentence,) = summary.deaths
    assert sentence.startswith(f"job later: {told}")
    assert sentence.endswith("1 trial not begun; see logs/somewhere.err")
    found = records(tmp_path / "results", "small")
    failure = found[at][-1].failure
    assert failure is not None
    assert (failure.kind, failure.retry, failure.log) == (kind, True, f"logs/{at}.log")
    assert [run.status for run in found[never_begun]] == ["ok"]  # of before; no run was made up


def test_a_job_that_died_before_its_first_trial_makes_no_record(tmp_path: Path, job: tuple[Job, Path]) -> None:
    summary = followed(tmp_path, job, None)
    assert (summary.failed, summary.ok, summary.left) == ({}, [], 2)
    assert all(len(runs) == 1 for runs in records(tmp_path / "results", "small").values())


def test_a_record_is_believed_before_the_events(tmp_path: Path, job: tuple[Job, Path]) -> None:
    at = job[0].assignments[0].trial.id
    EventLog(events_path(job[1])).add("started", trial=at)
    (run,) = records(tmp_path / "results", "small")[at]
    newer = run.model_copy(update={"run": run.run.model_copy(update={"id": "20991231T000000-00000000"})})
    Store(tmp_path / "results").write_record(newer)
    summary = followed(tmp_path, job, NODE)
    assert (summary.ok, summary.failed, summary.left) == ([at], {}, 1)
