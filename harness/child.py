"""A trial's own process: forked from a server that has the heavy modules loaded, its words in a log of its own."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from harness.jobs import Assignment, EventLog, Job, events_path
from harness.records import Record
from harness.shared_failures import SharedFailures
from harness.store import Store

LOOP_S = 0.3  # between two notes about the same thing


def run_child(job: Job, assignment: Assignment, job_file: str, is_ahead: bool) -> None:
    """Runs one trial, or only its first stage ahead of its turn, and ends the process without another word."""
    # Here, where they are loaded already: the worker imports this file too, and should not wait for torch.
    from harness.run_trial import prepare_only, run_trial
    from harness.stages.alone import Companion

    # The launcher decides what a Ctrl-C means; it ends the worker, and the worker ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    log = Path(job.results) / job.study / "logs" / f"{assignment.trial.id}.log"
    _speak_into(log)
    voice = Voice(EventLog(events_path(Path(job_file))), assignment.trial.id)
    if is_ahead:
        prepare_only(job, assignment, voice.tell)
        return
    voice.events.add("started", trial=assignment.trial.id)
    companion = Companion.fork()  # now, before anything has run here
    record = run_trial(job, assignment, voice.tell, f"logs/{log.name}", companion.collect)
    _put_down(job, record, voice.events)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # what a library left behind (threads, handlers) must not hold a finished trial


def _put_down(job: Job, record: Record, events: EventLog) -> None:
    """What came of it: a record, but where a later job goes on with what was made."""
    trial = record.trial
    if not job.is_last and record.failure is None:
        events.add("made", trial=trial.id, stage=job.stages[-1])
        return
    Store(Path(job.results)).write_record(record)
    if not job.is_last and record.failure is not None:
        SharedFailures(job).add(trial.id, trial.spec, record.failure)
    events.add("ended", trial=trial.id, status=record.status, message=record.reason or "")


def _speak_into(log: Path) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


class Voice:
    """Tells the launcher what a trial is doing; how far a loop has come, a few times a second at most."""

    def __init__(self, events: EventLog, trial: str) -> None:
        self.events = events
        self.trial = trial
        self._last: tuple[str, str, float] = ("", "", 0.0)

    def tell(self, stage: str, note: str) -> None:
        """A stage has begun, or is so far; notes that begin with another word tell of another thing."""
        subject = note.partition(" ")[0]
        *held, when = self._last
        if held != [stage, subject] or time.monotonic() - when > LOOP_S:
            self._last = (stage, subject, time.monotonic())
            self.events.add("stage", trial=self.trial, stage=stage, note=note)
