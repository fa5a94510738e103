"""What of a record tells where its trial stands and how long it took: all that is asked of thousands at once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple, TypeAlias

from harness.records import Record

Age: TypeAlias = tuple[datetime, int, str, str]


def moment(text: str) -> datetime:
    """A moment of a record, with its time zone; raises ValueError where it is no ISO 8601 time."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def age(record: Record) -> Age:
    """What runs are ordered by, oldest first."""
    return moment(record.run.finished), record.run.attempt, record.run.id, record.trial.id


class StageBrief(NamedTuple):
    """Seconds that a run spent in a stage, and whether what it made was there already."""

    elapsed_s: float
    is_reused: bool


class Brief(NamedTuple):  # and no dataclass, whose frozen fields take ten times as long to fill
    """One run of one trial; `answered` and `unanswered` are keys of questions, the latter's collectors failed."""

    trial: str
    run: str
    attempt: int
    started: str
    finished: str
    status: str
    reason: str | None
    may_retry: bool
    machine_class: str | None
    answered: tuple[str, ...]
    unanswered: tuple[str, ...]
    model: str
    criterion: str | None
    recovery: str
    runtime: str
    total_s: float | None
    stages: dict[str, StageBrief]
    prepared: str | None  # KEY/CONTENT of the network that it began with

    @property
    def age(self) -> Age:
        """What runs are ordered by, oldest first."""
        return moment(self.finished), self.attempt, self.run, self.trial


def brief(record: Record) -> Brief:
    """What a record says in brief."""
    run, trial, prepared = record.run, record.trial, record.run.stages.get("prepare")
    return Brief(
        trial=trial.id,
        run=run.id,
        attempt=run.attempt,
        started=run.started,
        finished=run.finished,
        status=record.status,
        reason=record.reason,
        may_retry=record.failure is None or record.failure.retry,
        machine_class=record.environment.machine_class if record.environment else None,
        answered=tuple(m.key for m in record.measurements if not m.has_failed),
        unanswered=tuple(m.key for m in record.measurements if m.has_failed),
        model=trial.model,
        criterion=trial.criterion,
        recovery=trial.recovery,
        runtime=trial.runtime,
        total_s=record.timings.get("total_s"),
        stages={name: StageBrief(stage.elapsed_s, stage.reused) for name, stage in run.stages.items()},
        prepared=f"{prepared.key}/{prepared.content}" if prepared else None,
    )
