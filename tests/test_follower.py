"""Several workers of one job: they train together, and one that dies or must go costs no more than it has to."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from paced import PACED, steps, wait_for_steps
from safetensors.torch import load_file
from small_studies import job_of, records, small, written
from torch import Tensor

from harness.board import Board, Member
from harness.executors.base import worker_command
from harness.jobs import Assignment, Job, JobFolder
from harness.pending import assignments, standings
from harness.plan import make_plan
from harness.records import Record
from harness.run_trial import run_trial
from harness.study_file import load_study

pytestmark = pytest.mark.slow
FEW = {"name": "digits", "splits": {"train": 64, "calibration": 16, "validation": 16, "test": 16}}
STEPS = 40


def study_of(folder: Path) -> tuple[Job, list[Assignment]]:
    """A study whose two trials with a recovery are fine-tuned slowly: the baseline and one without a sublayer."""
    (folder / "paced.py").write_text(PACED)
    paced = {"name": "paced", "steps": STEPS, "batch": 13}
    study = small(data=FEW, collectors=["params"], recoveries=[paced], plugins=["./paced.py"])
    plan = make_plan(load_study(written(folder, study)), folder / "results")
    found = [one for one in assignments(plan, standings(plan, (), None)) if one.trial.recovery != "none"]
    assert [one.trial.criterion for one in found] == [None, "last"]
    JobFolder(folder / "results", "small").create()
    return job_of(plan, folder / "results", timeout_s=120.0, preload=("sklearn.datasets",)), found


@contextmanager
def started(job: Job, todo: Sequence[Assignment], of: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The workers of one job, which have ended afterwards."""
    file = JobFolder(Path(job.results), "small").write(job.model_copy(update={"assignments": tuple(todo)}))
    words = [Member(rank, of, rank, "first").words() if of > 1 else [] for rank in range(of)]
    workers = [subprocess.Popen([*worker_command(file), *which]) for which in words]
    try:
        yield workers
        for worker in workers:
            worker.wait(timeout=90)
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def weights(results: Path, record: Record) -> dict[str, Tensor]:
    content = record.run.stages["recover"].content
    return load_file(next(results.glob(f"artifacts/recover/*/{content}/*.safetensors")))


def farthest(first: dict[str, Tensor], second: dict[str, Tensor]) -> float:
    return max(float((first[name] - second[name]).abs().max()) for name in first)


@dataclass
class Disturbed:
    """A job of two workers, one of whose processes is killed in its first trial and one worker in its second."""

    job: Job
    last: Assignment
    results: Path
    codes: list[int]
    begun: list[int]  # steps of the second trial before and after
    records: dict[str | None, list[Record]]
    again: Record  # the second trial, run by one process
    alone: Record  # the same, undisturbed, in other results
    elsewhere: Path


@pytest.fixture(scope="module")
def disturbed(tmp_path_factory: pytest.TempPathFactory) -> Disturbed:
    folder = tmp_path_factory.mktemp("team")
    job, (baseline, last) = study_of(folder)
    job = job.model_copy(update={"checkpoint_s": 0.1})
    (folder / "deadly").touch()
    with started(job, (baseline, last), 2) as workers:
        first = wait_for_trial(folder, 1, workers[0])
        wait_for_steps(folder, first + 10)
        workers[1].kill()
    results = Path(job.results)
    found = {runs[0].trial.criterion: runs for runs in records(results, "small").values()}
    again = run_trial(job, last, lambda *_: None)
    begun = steps(folder)[first:]
    elsewhere = folder / "elsewhere"
    alone = run_trial(job.model_copy(update={"results": str(elsewhere)}), last, lambda *_: None)
    codes = [worker.returncode for worker in workers]
    return Disturbed(job, last, results, codes, begun, found, again, alone, elsewhere)


def wait_for_trial(folder: Path, number: int, leader: subprocess.Popen[bytes]) -> int:
    """How many steps came before the first of the trial of this number, counted from 0."""
    deadline = time.monotonic() + 120
    while len(begins := [at for at, step in enumerate(steps(folder)) if step == 0]) <= number:
        assert leader.poll() is None, "the job ended early"
        assert time.monotonic() < deadline, "the trial was not begun"
        time.sleep(0.02)
    return begins[number]


def test_a_killed_process_is_a_failed_record_with_its_class_and_the_job_goes_on(disturbed: Disturbed) -> None:
    failure = disturbed.records[None][0].failure
    assert failure is not None
    assert (failure.kind, failure.signal, failure.stage, failure.retry) == ("killed", signal.SIGKILL, "recover", True)
    assert failure.log is not None
    assert failure.log.endswith(".rank-1.log")
    assert disturbed.begun[0] == 0  # the next trial was begun by the same workers


def test_a_worker_that_dies_ends_the_job_with_a_failed_record(disturbed: Disturbed) -> None:
    assert disturbed.codes == [128 + signal.SIGTERM, -signal.SIGKILL]
    failure = disturbed.records["last"][0].failure
    assert failure is not None
    assert (failure.kind, failure.retry) == ("lost", True)
    assert "one of the 2 processes of its training is gone" in failure.message


def test_what_two_have_trained_one_goes_on_with_to_the_weights_of_an_undisturbed_course(disturbed: Disturbed) -> None:
    assert (disturbed.again.status, disturbed.alone.status) == ("ok", "ok")
    assert STEPS <= len(disturbed.begun) < STEPS + 10  # less was done again than from the beginning
    ours, theirs = (
        weights(results, record)
        for results, record in ((disturbed.results, disturbed.again), (disturbed.elsewhere, disturbed.alone))
    )
    assert farthest(ours, theirs) < 5e-5


def test_a_record_says_how_many_trained(disturbed: Disturbed) -> None:
    found = disturbed.again.run.stages
    assert (found["prepare"].processes, found["select"].processes, found["recover"].processes) == (2, 1, 1)
    assert disturbed.alone.run.stages["prepare"].processes == 1
    assert found["prepare"].key == disturbed.alone.run.stages["prepare"].key


def test_a_worker_that_is_warned_lets_a_training_keep_where_it_stands(disturbed: Disturbed) -> None:
    folder = disturbed.results.parent
    job, before = disturbed.job.model_copy(update={"results": str(folder / "warned")}), len(steps(folder))
    JobFolder(folder / "warned", "small").create()
    with started(job, (disturbed.last,), 1) as (worker,):
        wait_for_steps(folder, before + 7)
        worker.send_signal(signal.SIGUSR2)
    assert worker.returncode == 128 + signal.SIGTERM
    assert records(folder / "warned", "small") == {}
    again = run_trial(job, disturbed.last, lambda *_: None)
    assert steps(folder)[before:] == list(range(STEPS))  # none was done twice
    assert again.run.stages["recover"].content == disturbed.alone.run.stages["recover"].content


def test_followers_write_nothing_but_their_logs(disturbed: Disturbed) -> None:
    manifests = list((disturbed.results / "artifacts").rglob("manifest.json"))
    assert len(manifests) == len({path.parent.parent for path in manifests})
    assert [len(runs) for runs in disturbed.records.values()] == [1, 1]


def test_a_follower_ends_with_its_leader(tmp_path: Path) -> None:
    leader, follower = (Board(tmp_path / "job.json", Member(rank, 2, rank, "a")) for rank in range(2))
    assert not follower.is_over()
    process = subprocess.Popen(["sleep", "60"])
    leader.enter()
    assert not follower.is_over()
    process.kill()
    process.wait()
    leader.close()
    assert follower.is_over()


def test_what_an_earlier_start_of_a_job_left_is_not_heard(tmp_path: Path) -> None:
    Board(tmp_path / "job.json", Member(0, 2, 0, "first")).close()
    assert not Board(tmp_path / "job.json", Member(1, 2, 1, "second")).is_over()
