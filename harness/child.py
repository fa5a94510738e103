"""A trial's own process: forked from a server that has the heavy modules loaded, its words in a log of its own."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.board import Board, Call, Member
from harness.errors import StoreError
from harness.failures import FAILED_RECORD, UNWRITTEN
from harness.jobs import Assignment, EventLog, Job, events_path
from harness.records import Record
from harness.shared_failures import SharedFailures
from harness.store import Store

LOOP_S = 0.3  # between two notes about the same thing
ONLY = Member()


def run_child(job: Job, assignment: Assignment, job_file: str, is_ahead: bool, member: Member = ONLY) -> None:
    """Runs one trial, or only its first stage ahead of its turn, and ends the process without another word."""
    # Here, where they are loaded already: the worker imports this file too, and should not wait for torch.
    from harness.run_trial import Company, prepare_only, run_trial
    from harness.stages.alone import Companion
    from harness.training.team import Team

    log = Path(job.results) / job.study / "logs" / f"{assignment.trial.id}.log"
    _hear()
    _speak_into(log)
    voice = Voice(EventLog(events_path(Path(job_file))), assignment.trial.id)
    with _ended_early():
        if is_ahead:
            prepare_only(job, assignment, voice.tell)
            return
        voice.events.add("started", trial=assignment.trial.id)
        companion = Companion.fork()  # now, before anything has run here
        team = Team(Board(Path(job_file), member), assignment.trial.id) if member.of > 1 else None
        company = Company(companion.collect, team)
        record = run_trial(job, assignment, voice.tell, f"logs/{log.name}", company)
        _leave(_put_down(job, assignment, record, voice.events))


def follow_child(job: Job, assignment: Assignment, job_file: str, call: Call, member: Member) -> None:
    """Trains along with the leader's trial, writes nothing but a log, and ends the process without another word."""
    from harness.run_trial import join_trial
    from harness.training.team import Team

    log = Path(job.results) / job.study / "logs" / f"{assignment.trial.id}.rank-{member.rank}.log"
    _hear()
    _speak_into(log)
    board = Board(Path(job_file), member)
    with _ended_early():
        failure = join_trial(job, assignment, _silent, Team(board, call.trial, call.token), f"logs/{log.name}")
        if failure is not None:
            sys.stderr.write(failure.traceback or failure.message)
            board.report(call.token, failure)
    _leave(0)


@contextmanager
def _ended_early() -> Iterator[None]:
    """A training that was halted, or left alone, ends its process with a code that says so."""
    from harness.training.halting import ABANDONED, HALTED, Abandoned, Halted

    try:
        yield
    except Halted:
        _leave(HALTED)
    except Abandoned as error:
        sys.stderr.write(f"{error}\n")
        _leave(ABANDONED)


def _leave(exit_code: int) -> None:
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(exit_code)  # what a library left behind (threads, handlers) must not hold a finished trial


def _silent(stage: str, note: str) -> None:
    """The leader speaks for all."""


def _put_down(job: Job, assignment: Assignment, record: Record, events: EventLog) -> int:
    """What came of it: a record, but where a later job goes on with what was made; the exit code that says so."""
    trial, failure = record.trial, record.failure
    try:
        if job.is_last or failure is not None:
            Store(Path(job.results)).write_record(record)
        if failure is None and not job.is_last:  # of a failure the worker knows whether it was the last attempt
            SharedFailures(job).settle(assignment, None)
    except (StoreError, OSError) as error:
        with suppress(OSError):
            sys.stderr.write(f"{error}\n")
        return UNWRITTEN
    if failure is None and not job.is_last:
        events.add("made", trial=trial.id, stage=job.stages[-1])
    else:
        events.add("ended", trial=trial.id, status=record.status, message=record.reason or "")
    return 0 if failure is None else FAILED_RECORD


def _hear() -> None:
    # The launcher decides what a Ctrl-C means; it ends the worker, and the worker ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Blocked in the server that this was forked from.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _speak_into(log: Path) -> None:
    try:
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError:  # the results folder is gone
        os._exit(UNWRITTEN)
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
