"""What failed in an early job of a chain, and for whom it is hopeless to go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.failures import failure_of_exit
from harness.jobs import Assignment, Job, JobFolder
from harness.records import STAGES, Failure, TrialInfo
from harness.shared_failures import SharedFailures


def trial(name: str, **makers: str) -> Assignment:
    return Assignment(
        trial=TrialInfo(id=name, digest="d", study="s", model="m", data="d", spec={}),
        asked=(),
        makers={"prepare": "a", **makers},
    )


A, B = trial("a", select="a"), trial("b", select="b")  # one model, two selections
ERROR = Failure(**{"class": "error"}, stage="prepare", message="no weights", retry=False)
DEATH = failure_of_exit(-9, None, None)


@pytest.fixture
def early(tmp_path: Path) -> SharedFailures:
    """Of a job that prepares and selects."""
    return of_job(tmp_path, "prepare", "select")


def of_job(results: Path, *stages: str) -> SharedFailures:
    JobFolder(results, "s").create()
    job = Job(id=f"j{len(stages)}", chain="c", study="s", results=str(results), assignments=(), collectors=())
    return SharedFailures(job.model_copy(update={"stages": stages}))


def late(results: Path) -> SharedFailures:
    return of_job(results, *STAGES[2:])


def hopeless(results: Path) -> list[str]:
    return [one.trial.id for one in (A, B) if late(results).before(one) is not None]


def test_a_stage_that_failed_is_hopeless_for_all_who_share_it(tmp_path: Path, early: SharedFailures) -> None:
    early.settle(A, ERROR)
    assert hopeless(tmp_path) == ["a", "b"]
    found = late(tmp_path).before(B)
    assert found is not None
    assert (found.trial, found.stage, found.failure) == ("a", "prepare", ERROR)


def test_a_selection_that_failed_is_hopeless_for_those_who_share_it_alone(
    tmp_path: Path, early: SharedFailures
) -> None:
    early.settle(A, ERROR.model_copy(update={"stage": "select"}))
    assert hopeless(tmp_path) == ["a"]


def test_a_trial_that_died_at_an_unknown_stage_is_hopeless_for_itself_alone(
    tmp_path: Path, early: SharedFailures
) -> None:
    early.settle(A, DEATH)
    assert hopeless(tmp_path) == ["a"]


def test_of_a_job_with_one_stage_it_is_known(tmp_path: Path) -> None:
    of_job(tmp_path, "prepare").settle(A, DEATH)
    assert hopeless(tmp_path) == ["a", "b"]


@pytest.mark.parametrize("failure", [ERROR, DEATH])
def test_what_is_made_after_all_is_hopeless_for_nobody(tmp_path: Path, early: SharedFailures, failure: Failure) -> None:
    early.settle(A, failure)
    early.settle(A, None)
    assert hopeless(tmp_path) == []


def test_a_sharer_that_makes_it_takes_the_failure_away(tmp_path: Path, early: SharedFailures) -> None:
    early.settle(A, ERROR)
    early.settle(B, ERROR.model_copy(update={"stage": "select"}))  # it came beyond the first stage
    assert hopeless(tmp_path) == ["b"]


def test_the_first_who_meets_a_failure_is_the_one_who_tells_it(tmp_path: Path, early: SharedFailures) -> None:
    early.settle(A, ERROR)
    early.settle(B, ERROR.model_copy(update={"message": "again"}))
    found = late(tmp_path).before(A)
    assert found is not None
    assert (found.trial, found.failure.message) == ("a", "no weights")
