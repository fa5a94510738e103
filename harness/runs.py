"""A run's name and moments, and the record of a run that could not write its own."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from harness.jobs import Assignment, Job
from harness.records import Failure, Record, Run


def new_run_id() -> str:
    """Sortable by time, and different for any two runs."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"


def run_id_at(seconds: float) -> str:
    """What the ids of all runs that began after this moment (since the epoch) sort behind."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y%m%dT%H%M%S}"


def now() -> str:
    """The moment in UTC, ISO 8601 to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def failed_record(job: Job, assignment: Assignment, failure: Failure) -> Record:
    """What is written for a child or a worker that ended without a word."""
    moment = now()
    run = Run(
        id=new_run_id(),
        attempt=assignment.attempt,
        started=moment,
        finished=moment,
        executor=job.executor,
        limited=job.limited,
        asked=assignment.asked,
    )
    return Record(status="failed", reason=failure.message, trial=assignment.trial, run=run, failure=failure)
