"""Which failures get another attempt, and with how much time."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from harness.jobs import Assignment
from harness.records import FailureClass, TrialInfo
from harness.retries import Retries, Retry
from harness.turns import Turn

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
