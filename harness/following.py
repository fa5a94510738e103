"""Follows jobs until the last has ended: what they say is passed on, and who is gone without a word is written down."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from harness.executors.base import Handle
from harness.failures import lost
from harness.jobs import Assignment, EventTail, Job, events_path
from harness.records import Failure, Record
from harness.runs import failed_record, run_id_at
from harness.schema import Json
from harness.store import Store

POLL_S = 0.1
PATIENCE_S = 10.0


class Watcher(Protocol):
    """Whoever shows what goes on."""

    def begins(self, total: int, todo: int, where: str) -> None:
        """`todo` of `total` trials are about to run."""

    def hears(self, event: dict[str, Json]) -> None:
        """A worker said something."""

    def ticks(self) -> None:
        """Some time has passed."""


@dataclass
class Summary:
    """How a launch ended: trials done before it, done by it, failed now and before, and what is left."""

    study: str
    total: int
    done_before: int
    ok: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    held_back: dict[str, str] = field(default_factory=dict)
    is_interrupted: bool = False
    left: int = 0


class _Followed:
    """One job: where it speaks, what is still awaited of it, and the trial it was at when it was last heard."""

    def __init__(self, job: Job, file: Path) -> None:
        self.job = job
        self.waiting = {a.trial.id: a for a in job.assignments}
        self.at: str | None = None
        self.handle: Handle | None = None
        self._tail = EventTail(events_path(file))

    def news(self) -> list[dict[str, Json]]:
        """What was said since the last look."""
        found = list(self._tail.new())
        for event in found:
            self._take(event)
        return found

    def _take(self, event: dict[str, Json]) -> None:
        if event["event"] == "started":
            self.at = str(event["trial"])
        elif event["event"] == "ended":
            self.waiting.pop(str(event["trial"]), None)
            self.at = None

    def is_running(self) -> bool:
        """Whether more can come."""
        return self.handle is not None and self.handle.is_running()


class Follower:
    """Follows the jobs of one launch; `summary` holds what came of them."""

    def __init__(self, store: Store, jobs: Sequence[tuple[Job, Path]], watcher: Watcher, summary: Summary) -> None:
        self.store = store
        self.watcher = watcher
        self.summary = summary
        self._jobs = [_Followed(job, file) for job, file in jobs]
        self._ok: set[str] = set()

    def follow(self, handles: Sequence[Handle]) -> None:
        """Returns when the last job has ended, however; handles are in the order of the jobs."""
        for one, handle in zip(self._jobs, handles, strict=True):
            one.handle = handle
        while any(one.is_running() for one in self._jobs):
            self.listen()
            time.sleep(POLL_S)

    def interrupt(self, handles: Sequence[Handle]) -> None:
        """Ends what runs; what was not done is left."""
        self.summary.is_interrupted = True
        for handle in handles:
            handle.stop(PATIENCE_S)

    def listen(self) -> None:
        """Takes in what was said since the last time."""
        for one in self._jobs:
            for event in one.news():
                if event["event"] == "ended":
                    self._note(str(event["trial"]), event["status"] == "ok", str(event.get("message", "")))
                self.watcher.hears(event)
        self.watcher.ticks()

    def _note(self, trial: str, is_ok: bool, message: str) -> None:
        """The last word counts: a worker that was queued again says once more what was done before."""
        if not is_ok:
            self.summary.failed[trial] = message
        elif trial not in self._ok:
            self._ok.add(trial)
            self.summary.failed.pop(trial, None)
            self.summary.ok.append(trial)

    def close(self) -> None:
        """A trial whose worker is gone is lost, and its record says so; after Ctrl-C it is only left."""
        if self.summary.is_interrupted:
            self.summary.left = sum(len(one.waiting) for one in self._jobs)
            return
        for one in self._jobs:
            for assignment in one.waiting.values():
                self._close(one, assignment)

    def _close(self, one: _Followed, assignment: Assignment) -> None:
        """The record decides, whatever the queue and the events say; where there is none, one of the failure."""
        trial = assignment.trial.id
        found = self._record_since(one.job, trial)
        if found is None:
            found = failed_record(one.job, assignment, _failure(one, trial))
            self.store.write_record(found)
        self._note(trial, found.status == "ok", found.reason or "")

    def _record_since(self, job: Job, trial: str) -> Record | None:
        stamp = run_id_at(job.submitted)
        runs = [run for run in self.store.read(job.study, trial).records if run.run.id > stamp]
        return runs[-1] if runs else None


def _failure(one: _Followed, trial: str) -> Failure:
    """The trial that ran when its job ended shares the job's fate; those after it were never begun."""
    log = f"logs/{one.job.id}.log"
    told = one.handle.failure() if one.handle is not None and one.at == trial else None
    return lost(log) if told is None else told.model_copy(update={"log": log})
