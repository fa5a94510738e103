"""Which failures get another attempt, and with how much time."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from pydantic import ValidationError

from harness.failures import failure_of_exit
from harness.jobs import Assignment, EventLog, Job, events_path
from harness.records import STAGES, Failure, FailureClass, TrialInfo
from harness.retries import Retries, Retry
from harness.runs import failed_record
from harness.store import Store
from harness.turns import Over, Turn, turns_of

TURN = Turn(Assignment(trial=TrialInfo(id="t", digest="d", study="s", model="m", data="d", spec={}), asked=()), 10.0)


@pytest.mark.parametrize(
    ("kind", "limits"),
    [("killed", [10.0]), ("timeout", [20.0]), ("oom_gpu", []), ("oom_host", []), ("numerical", []), ("error", [])],
)
def test_by_default_only_what_may_go_well_is_tried_again(kind: FailureClass, limits: list[float]) -> None:
    policy, found, turn = Retries().by_class(), [], TURN
    while (after := turn.after(kind, policy)) is not None:
        turn = after
        found.append(turn.limit_s)
    assert found == limits


def test_a_study_changes_how_often_and_with_how_much_time() -> None:
    policy = Retries.model_validate({"timeout": {"times": 2, "time_factor": 3}, "error": 2, "killed": 0}).by_class()
    second = TURN.after("timeout", policy)
    assert second is not None
    third = second.after("timeout", policy)
    assert third is not None
    assert (second.limit_s, third.limit_s, third.assignment.attempt) == (30.0, 90.0, 3)
    assert third.after("timeout", policy) is None
    assert TURN.after("killed", policy) is None
    assert TURN.after("error", policy) is not None


def test_a_number_stands_for_times() -> None:
    assert Retries.model_validate({"timeout": 3}).timeout == Retry(times=3, time_factor=2.0)
    with pytest.raises(ValidationError):
        Retries.model_validate({"timeout": -1})


class Queued:
    """A job of one trial, with what it said and wrote down in an earlier start."""

    def __init__(self, results: Path) -> None:
        self.file = results / "j.json"
        self.log = EventLog(events_path(self.file))
        self.store = Store(results)
        self.job = Job(
            id="j",
            study="s",
            results=str(results),
            assignments=(TURN.assignment,),
            collectors=(),
            timeout_s=60.0,
            stages=("prepare",),
            retries=Retries().by_class(),
            submitted=1.0,
        )

    def says(self, moment: float, event: str) -> None:
        """A word at a moment in seconds."""
        with self.log.path.open("a") as stream:
            stream.write(json.dumps({"event": event, "time": moment, "trial": "t"}) + "\n")

    def fails(self, failure: Failure) -> None:
        self.store.write_record(failed_record(self.job, TURN.assignment, failure))

    def turn(self) -> Turn | Over:
        (found,) = turns_of(self.job, self.file, self.store)
        return found


@pytest.fixture
def queued(tmp_path: Path) -> Queued:
    return Queued(tmp_path)


def test_a_first_start_has_all_of_its_time(queued: Queued) -> None:
    queued.fails(failure_of_exit(1, None, None))  # by another job
    found = queued.turn()
    assert isinstance(found, Turn)
    assert (found.left_s, found.retries) == (60.0, 0)


def test_the_time_of_a_trial_goes_on_when_its_job_is_queued_again(queued: Queued) -> None:
    for moment, word in ((10.0, "worker"), (12.0, "started"), (37.0, "stopped"), (90.0, "worker"), (92.0, "started")):
        queued.says(moment, word)
    queued.says(102.0, "stopped")
    found = queued.turn()
    assert isinstance(found, Turn)
    assert (found.limit_s, found.left_s) == (60.0, 25.0)  # 25 and 10 seconds are spent


def test_time_that_is_lost_is_not_spent(queued: Queued) -> None:
    queued.job = queued.job.model_copy(update={"stages": STAGES})  # what these do begins anew
    for moment, word in ((10.0, "worker"), (12.0, "started"), (37.0, "stopped")):
        queued.says(moment, word)
    found = queued.turn()
    assert isinstance(found, Turn)
    assert found.left_s == 60.0


def test_what_was_tried_before_counts(queued: Queued) -> None:
    for moment, word in ((10.0, "worker"), (12.0, "started"), (72.0, "again"), (73.0, "started"), (80.0, "stopped")):
        queued.says(moment, word)
    queued.fails(failure_of_exit(-9, None, None, timeout_s=60.0))
    found = queued.turn()
    assert isinstance(found, Turn)
    assert (found.limit_s, found.left_s, found.retries, found.assignment.attempt) == (120.0, 113.0, 1, 2)


def test_a_trial_that_failed_for_good_is_not_run_again(queued: Queued) -> None:
    queued.says(10.0, "worker")
    queued.fails(failure_of_exit(1, None, None))
    found = queued.turn()
    assert isinstance(found, Over)
    assert found.failure.kind == "error"


def test_what_an_earlier_job_of_the_chain_met_costs_this_one_no_attempt(queued: Queued) -> None:
    queued.fails(failure_of_exit(-9, None, None, timeout_s=60.0))
    queued.says(time.time() + 2, "worker")
    found = queued.turn()
    assert isinstance(found, Turn)
    assert (found.retries, found.limit_s) == (0, 60.0)


def test_what_is_no_fault_of_the_trial_costs_no_attempt(queued: Queued) -> None:
    queued.says(10.0, "worker")
    queued.fails(Failure(**{"class": "node_failure"}, message="the GPU is gone", retry=True))
    found = queued.turn()
    assert isinstance(found, Turn)
    assert (found.retries, found.limit_s) == (0, 60.0)
