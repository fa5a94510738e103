"""Follows jobs until the last has ended: what they say is passed on, and who is gone without a word is written down."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from harness.executors.base import POLL_S, stop
from harness.failures import lost
from harness.jobs import EventTail, Job, events_path
from harness.leases import lease
from harness.live import Live, forget
from harness.records import Record
from harness.runs import failed_record, run_id_at
from harness.schema import Json
from harness.shared_failures import SharedFailures
from harness.store import Store
from harness.wording import counted

PATIENCE_S = 10.0


class Watcher(Protocol):
    """Whoever shows what goes on."""

    def begins(self, total: int, todo: int, where: str) -> None:
        """`todo` of `total` trials are about to run."""

    def hears(self, event: dict[str, Json]) -> None:
        """A worker said something."""

    def ticks(self) -> None:
        """Some time has passed."""


class Unwatched:
    """Nobody shows anything."""

    def begins(self, total: int, todo: int, where: str) -> None:
        pass

    def hears(self, event: dict[str, Json]) -> None:
        pass

    def ticks(self) -> None:
        pass


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
    is_detached: bool = False
    left: int = 0  # not done yet: interrupted, running on without a launcher, or never begun by a job that died
    deaths: list[str] = field(default_factory=list)  # how jobs ended that left trials, in sentences


class _Followed:
    """One job: where it speaks, what is still awaited of it, and the trial it was at when it was last heard."""

    def __init__(self, live: Live, is_own: bool) -> None:
        self.job, self.file, self.handle, self.is_own = live.job, live.file, live.handle, is_own
        # The trials of a job that is not the last of its chain end in a later one.
        self.waiting = {a.trial.id: a for a in live.job.assignments if live.job.is_last}
        self.has_finished = False
        self.at: str | None = None
        self._tail = EventTail(events_path(live.file))
        if not is_own:
            self.news()  # what was said before somebody listened is in records

    @property
    def is_waited_for(self) -> bool:
        """Whether later jobs of its chain wait for what it is to make."""
        return not self.job.is_last and not self.has_finished

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
        elif event["event"] in ("again", "made"):
            self.at = None
        elif event["event"] == "finished":
            self.has_finished = True


class Following:
    """Follows jobs to their end: those that others left running, and those of one launch as they are added."""

    def __init__(self, store: Store, others: Sequence[Live], watcher: Watcher, summary: Summary) -> None:
        self.store = store
        self.watcher = watcher
        self.summary = summary
        self._jobs = [_Followed(one, False) for one in others]
        self._ok: set[str] = set()

    def add(self, own: Sequence[Live]) -> None:
        """Jobs of this launch to be followed as well."""
        self._jobs += [_Followed(one, True) for one in own]

    def awaited(self) -> dict[str, frozenset[str]]:
        """What is still to come: the questions of each trial that has not ended yet."""
        return {
            trial: frozenset(asked.key for asked in assignment.asked)
            for one in self._jobs
            for trial, assignment in one.waiting.items()
        }

    def follow(self) -> None:
        """Returns when the last job has ended, however; Ctrl-C ends the own ones, those of others go on."""
        try:
            while any(one.handle.is_running() for one in self._jobs):
                self.listen()
                time.sleep(POLL_S)
        except KeyboardInterrupt:
            self.summary.is_interrupted = True
            stop([one.handle for one in self._jobs if one.is_own], PATIENCE_S)
        self.listen()
        self.close()

    def listen(self) -> None:
        """Takes in what was said since the last time."""
        for one in self._jobs:
            # Asked before it is heard, so that it is heard to its end.
            is_gone = one.is_waited_for and not one.handle.is_running()
            for event in one.news():
                if event["event"] == "ended":
                    self._note(str(event["trial"]), event["status"] == "ok", str(event.get("message", "")))
                self.watcher.hears(event)
            if is_gone and one.is_waited_for and one.at is not None and not self.summary.is_interrupted:
                self._pass_on(one, one.at)
        self.watcher.ticks()

    def _pass_on(self, one: _Followed, at: str) -> None:
        """A job that others wait for died at a trial: they are told by what, where whoever ran it knows that."""
        one.at = None
        failure = one.handle.failure()
        if failure is None:
            return
        assignment = next(each for each in one.job.assignments if each.trial.id == at)
        failure = failure.model_copy(update={"log": f"logs/{at}.log"})
        with lease(self._closing(one.job)):
            if self._record_since(one.job, assignment.trial.id) is None:
                self.store.write_record(failed_record(one.job, assignment, failure))
        with suppress(OSError):  # those who wait will say that it is lost
            SharedFailures(one.job).settle(assignment, failure)

    def _note(self, trial: str, is_ok: bool, message: str) -> None:
        """The last word counts: a worker that was queued again says once more what was done before."""
        if not is_ok:
            self.summary.failed[trial] = message
        elif trial not in self._ok:
            self._ok.add(trial)
            self.summary.failed.pop(trial, None)
            self.summary.ok.append(trial)

    def close(self) -> None:
        """The trial at which a worker died has failed, and its record says so; what was not begun is left."""
        for one in self._jobs:
            if self.summary.is_interrupted:
                self.summary.left += len(one.waiting)
                if not one.is_own or one.handle.is_running():
                    continue
            elif one.waiting:
                # Another launcher may see the same end: one of them writes it down.
                with lease(self._closing(one.job)):
                    self._bury(one)
            elif one.is_waited_for:
                # Whoever waited for it says in a record that it was not made.
                self._tell_death(one, "not all was made that others wait for")
            forget(one.file)

    def _bury(self, one: _Followed) -> None:
        """The record decides, whatever the queue and the events say."""
        failure = one.handle.failure() or lost(None)
        never_begun = 0
        for trial, assignment in one.waiting.items():
            found = self._record_since(one.job, trial)
            if found is None and trial == one.at:
                found = failed_record(one.job, assignment, failure.model_copy(update={"log": f"logs/{trial}.log"}))
                self.store.write_record(found)
            if found is None:
                never_begun += 1
            else:
                self._note(trial, found.status == "ok", found.reason or "")
        if never_begun:
            self.summary.left += never_begun
            self._tell_death(one, f"{counted(never_begun, 'trial')} not begun")

    def _closing(self, job: Job) -> Path:
        """The lease of whoever writes down the end of a job."""
        return self.store.root / ".leases" / f"close-{job.id}.lease"

    def _tell_death(self, one: _Followed, left: str) -> None:
        told = one.handle.failure()
        why = told.message if told else "its worker ended early"
        self.summary.deaths.append(f"job {one.job.id}: {why}; {left}; see {one.handle.log()}")

    def _record_since(self, job: Job, trial: str) -> Record | None:
        stamp = run_id_at(job.submitted)
        runs = [run for run in self.store.read(job.study, trial).records if run.run.id > stamp]
        return runs[-1] if runs else None
