"""Whose turn it is in a worker, with how much time, and whether a failed trial gets another one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.jobs import Assignment, EventTail, Job, events_path
from harness.records import Failure, FailureClass
from harness.resources import only_trains
from harness.retries import Retry
from harness.runs import run_id_at
from harness.schema import Json
from harness.store import Store


@dataclass(frozen=True)
class Turn:
    """A trial that is to be run, how long it may take, and how often it was tried again.

    `spent_s` of its time went by in earlier starts of the job, which was queued again since and goes on from there.
    """

    assignment: Assignment
    limit_s: float
    retries: int = 0
    spent_s: float = 0.0

    @property
    def left_s(self) -> float:
        """What is left of its time."""
        return self.limit_s - self.spent_s

    def after(self, kind: FailureClass, policy: Mapping[FailureClass, Retry]) -> Turn | None:
        """The turn after a failure of this class; None where it was the last."""
        retry = policy.get(kind, Retry())
        if self.retries >= retry.times:
            return None
        more = self.assignment.model_copy(update={"attempt": self.assignment.attempt + 1})
        return Turn(more, self.limit_s * retry.time_factor, self.retries + 1)


@dataclass(frozen=True)
class Over:
    """A trial that failed for good before its job was queued again."""

    assignment: Assignment
    failure: Failure


def turns_of(job: Job, path: Path, store: Store) -> Iterator[Turn | Over]:
    """Every trial of a job with its turn; in one that was queued again it goes on where it was.

    To be asked before this start has said anything.
    """
    events = [*EventTail(events_path(path)).new()]
    begun = min((float(str(event["time"])) for event in events if event["event"] == "worker"), default=None)
    # Of what does not go on from checkpoints the time is lost when its node is taken away, and no fault of the trial's.
    spent = _spent(events) if begun is not None and only_trains(job.stages) else {}
    for assignment in job.assignments:
        turn = Turn(assignment, job.timeout_s)
        failures = [] if begun is None else _failures(job, assignment, store, begun)
        yield _gone_on(turn, failures, job.retries, spent.get(assignment.trial.id, 0.0))


def _gone_on(turn: Turn, failures: list[Failure], policy: Mapping[FailureClass, Retry], spent_s: float) -> Turn | Over:
    for failure in failures:
        if failure.retry and failure.kind not in policy:
            continue  # what is no fault of the trial's costs it no attempt
        following = turn.after(failure.kind, policy)
        if following is None:
            return Over(turn.assignment, failure)
        turn = following
    return replace(turn, spent_s=spent_s)


def _failures(job: Job, assignment: Assignment, store: Store, begun: float) -> list[Failure]:
    """Those of this trial since the job first began, oldest first; earlier jobs of its chain have their own."""
    stamp = run_id_at(begun)
    runs = store.read(job.study, assignment.trial.id).records
    return [run.failure for run in runs if run.run.id > stamp and run.failure is not None]


def _spent(events: Sequence[Mapping[str, Json]]) -> dict[str, float]:
    """Seconds that the last attempt of each trial took in starts that were told to stop."""
    spent: dict[str, float] = {}
    begun: dict[str, float] = {}
    for event in events:
        kind, moment, trial = event["event"], float(str(event["time"])), str(event.get("trial", ""))
        if kind == "started":
            begun[trial] = moment
        elif kind in ("ended", "again", "made"):
            begun.pop(trial, None)
            spent.pop(trial, None)
        elif kind in ("stopped", "worker"):
            for name, since in begun.items() if kind == "stopped" else ():
                spent[name] = spent.get(name, 0.0) + moment - since
            begun.clear()
    return spent
