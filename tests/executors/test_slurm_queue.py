"""What is believed of Slurm: a job that is gone, a controller that is silent, an accounting that is absent."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

import pytest
from conftest import FakeClock

from harness.executors.slurm_queue import Queue, end_of, run


class Played:
    """Slurm's commands, with one answer at a time."""

    def __init__(self) -> None:
        self.asked: list[Sequence[str]] = []
        self.answer = ("", "", 0)

    def __call__(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        self.asked.append(command)
        out, err, code = self.answer
        return subprocess.CompletedProcess(command, code, out, err)


def test_a_job_is_held_until_an_answer_lacks_it(clock: FakeClock) -> None:
    slurm = Played()
    queue = Queue(["7_0", "7_1"], slurm, clock.now)
    slurm.answer = ("7_1|RUNNING|node2|None\n", "", 0)
    assert queue.holds("7_0")  # not asked yet
    clock.advance(2.0)
    assert (queue.holds("7_0"), queue.holds("7_1")) == (False, True)
    assert (queue.state("7_0"), queue.state("7_1")) == ("", "running on node2")
    assert len(slurm.asked) == 1
    assert slurm.asked[0][:5] == ["squeue", "--noheader", "--array", "--jobs", "7"]


def test_an_array_is_ended_by_its_own_number_unless_it_holds_another(clock: FakeClock) -> None:
    slurm = Played()
    queue = Queue(["7_0", "7_1", "8_0", "9"], slurm, clock.now)
    assert queue.in_short(["9", "8_0", "7_1", "7_0"]) == ["9", "8", "7"]
    assert queue.in_short(["8_0", "7_1"]) == ["8", "7_1"]
    slurm.answer = ("7_1|RUNNING|node2|None\n", "", 0)
    clock.advance(2.0)
    assert queue.holds("7_1")
    assert queue.in_short(["7_1"]) == ["7"]  # the other is gone
    assert queue.in_short([]) == []


def test_who_waits_long_asks_seldom(clock: FakeClock) -> None:
    slurm = Played()
    slurm.answer = ("7|PENDING||Priority\n", "", 0)
    queue = Queue(["7"], slurm, clock.now)
    for _ in range(36_000):
        clock.advance(0.1)
        assert queue.holds("7")
    assert queue.state("7") == "pending (Priority)"
    assert 120 <= len(slurm.asked) <= 150  # about every thirty seconds of an hour


@pytest.mark.parametrize(
    ("words", "held"),
    [
        ("slurm_load_jobs error: Invalid job id specified", False),
        ("slurm_load_jobs error: Unable to contact slurm controller (connect failure)", True),
        ("slurm_load_jobs error: Socket timed out on send/recv operation", True),
    ],
)
def test_a_silent_controller_is_no_end(clock: FakeClock, words: str, held: bool) -> None:
    slurm = Played()
    slurm.answer = ("", words, 1)
    queue = Queue(["7"], slurm, clock.now)
    clock.advance(5.0)
    assert queue.holds("7") is held


@pytest.mark.parametrize(
    ("told", "kind", "retry"),
    [
        ("NODE_FAIL|0:0", "node_failure", True),
        ("TIMEOUT|0:0", "timeout", False),
        ("OUT_OF_MEMORY|0:125", "oom_host", False),
        ("PREEMPTED|0:0", "preempted", True),
        ("CANCELLED by 1000|0:0", "killed", True),
        ("FAILED|9:0", "error", False),
        ("FAILED|0:9", "killed", True),
    ],
)
def test_the_end_of_a_job_has_a_class(told: str, kind: str, retry: bool) -> None:
    slurm = Played()
    slurm.answer = (f"{told}\n", "", 0)
    found = end_of("7_3", slurm)
    assert found is not None
    assert (found.kind, found.retry) == (kind, retry)
    assert found.message.startswith(f"Slurm ended its job: {told.split('|', maxsplit=1)[0].split(' ', maxsplit=1)[0]}")


def test_an_accounting_that_lags_is_asked_again() -> None:
    slurm = Played()
    slurm.answer = ("RUNNING|0:0\n", "", 0)

    def wait(_: float) -> None:
        slurm.answer = ("NODE_FAIL|0:0\n", "", 0)

    found = end_of("7", slurm, wait)
    assert found is not None
    assert (found.kind, len(slurm.asked)) == ("node_failure", 2)


@pytest.mark.parametrize(
    "answer", [("", "Slurm accounting storage is disabled", 1), ("", "", 0), ("COMPLETED|0:0", "", 0)]
)
def test_without_accounting_nobody_knows_why(answer: tuple[str, str, int]) -> None:
    slurm = Played()
    slurm.answer = answer
    assert end_of("7", slurm, lambda _: None) is None


def test_a_command_that_is_absent_is_one_that_failed() -> None:
    assert run(["no-such-command-of-slurm"]).returncode != 0
