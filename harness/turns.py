"""Whose turn it is in a worker, with how much time, and whether a failed trial gets another one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.jobs import Assignment
from harness.records import FailureClass
from harness.retries import Retry


@dataclass(frozen=True)
class Turn:
    """A trial that is to be run, how long it may take, and how often it was tried again."""

    assignment: Assignment
    limit_s: float
    retries: int = 0

    def after(self, kind: FailureClass, policy: Mapping[FailureClass, Retry]) -> Turn | None:
        """The turn after a failure of this class; None where it was the last."""
        retry = policy.get(kind, Retry())
        if self.retries >= retry.times:
            return None
        more = self.assignment.model_copy(update={"attempt": self.assignment.attempt + 1})
        return Turn(more, self.limit_s * retry.time_factor, self.retries + 1)
