"""Every executor starts the worker as a process, knows whether it runs, and can stop it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from harness.errors import SpecError
from harness.executors.base import Handle, executors, stop, worker_command
from harness.executors.local import Local, _command, _parameters
from harness.jobs import Job, JobFolder
from harness.resources import Resources
from harness.schema import Json

HERE = [name for name, member in executors.members().items() if member.is_here]


class Told(Handle):
    """A job that is over, and tells when it was asked to end."""

    def __init__(self, name: str, order: list[str]) -> None:
        self.name, self.order = name, order

    def is_running(self) -> bool:
        return False

    def end(self, now: bool) -> None:
        self.order.append(self.name)

    def state(self) -> str:
        return ""

    def log(self) -> str:
        return ""

    def failure(self) -> None:
        return None

    def where(self) -> dict[str, Json]:
        return {}


def test_jobs_that_wait_for_others_are_ended_before_them() -> None:
    order: list[str] = []
    stop([Told("first", order), Told("second", order)], 1.0)
    assert order == ["second", "first"]


def wait(handle: Handle, limit_s: float = 60.0) -> None:
    deadline = time.monotonic() + limit_s
    while handle.is_running():
        assert time.monotonic() < deadline, "the worker does not end"
        time.sleep(0.02)


@pytest.fixture
def job_file(tmp_path: Path) -> Path:
    """A job without trials: the worker starts, says so, and ends."""
    folder = JobFolder(tmp_path, "small")
    folder.create()
    return folder.write(Job(id="j", study="small", results=str(tmp_path), assignments=(), collectors=(), device="cpu"))


@pytest.mark.parametrize("name", HERE)
def test_a_worker_is_started_and_seen_to_end(job_file: Path, name: str) -> None:
    executor = executors.create({"name": name})
    (handle,) = executor.start([job_file], job_file.parent.parent / "logs", Resources(), "cpu")
    wait(handle)
    assert '"finished"' in job_file.with_suffix(".events.jsonl").read_text()


@pytest.mark.parametrize("name", HERE)
def test_a_worker_can_be_stopped(job_file: Path, name: str) -> None:
    executor = executors.create({"name": name})
    (handle,) = executor.start([job_file], job_file.parent.parent / "logs", Resources(), "cpu")
    stop([handle], 20.0)
    assert not handle.is_running()


def test_submitit_is_told_to_show_a_gpu_where_one_is_meant() -> None:
    assert _parameters(Resources(), "cpu")["gpus_per_node"] == 0
    assert _parameters(Resources(), "cuda:0")["gpus_per_node"] == 1
    assert _parameters(Resources(gpus_per_node=2), "cuda")["gpus_per_node"] == 2


def test_politeness_is_part_of_the_command(tmp_path: Path) -> None:
    assert _command(tmp_path, 0) == worker_command(tmp_path)
    assert _command(tmp_path, 5)[:3] == ["nice", "-n", "5"]


def test_the_number_of_workers_is_bounded() -> None:
    assert Local(jobs=2).deal(range(5)) == [range(0, 5, 2), range(1, 5, 2)]
    assert Local(jobs=9).deal(range(2)) == [range(0, 2, 9), range(1, 2, 9)]
    with pytest.raises(SpecError, match=r"executor\.jobs: "):
        executors.create({"name": "local", "jobs": 0}, "executor")
