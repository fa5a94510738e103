"""What the jobs of a study do at this moment, and what they still have before them, from what they said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from harness.jobs import EventTail, Job, JobFolder, events_path, read_job
from harness.live import live_jobs
from harness.schema import Json

SILENT_S = 120.0  # a job of a launcher that is at work and says nothing for this long is not taken to run
APART_S = 600.0  # as much may the clock of a file system differ from this machine's
HERE = "running here"


@dataclass(frozen=True)
class Doing:
    """What a trial said last, since when it runs (seconds since the epoch), and where."""

    trial: str
    stage: str
    note: str
    since: float
    where: str


@dataclass
class Activity:
    """Trials that run and that wait in jobs; jobs by their state; what the jobs have done since the first began."""

    doing: list[Doing] = field(default_factory=list)
    queued: list[str] = field(default_factory=list)
    jobs: Counter[str] = field(default_factory=Counter)
    ended: int = 0
    begun: float | None = None


def activity(folder: JobFolder, now: float) -> Activity:
    """Of the jobs that run without a launcher, and of all others that spoke a moment ago."""
    found = Activity()
    running = [one for one in live_jobs(folder) if one.handle.is_running()]
    for one in running:
        state = one.handle.state()
        found.jobs[state] += 1
        trials = _waiting_in(one.job)
        _take(found, _heard(events_path(one.file)), trials, state)
    known = {events_path(one.file) for one in running}
    for path in _spoken_in(folder.jobs, now - SILENT_S - APART_S):
        heard = _heard(path) if path not in known else None
        if heard is not None and not heard.is_over and heard.last > now - SILENT_S:
            _take(found, heard, _trials_of(path), HERE)
    return found


def _spoken_in(jobs: Path, since: float) -> list[Path]:
    """What jobs said, of those to which a word was added since a moment."""
    found = []
    for path in sorted(jobs.glob("*.events.jsonl")):
        with suppress(OSError):
            found += [path] if path.stat().st_mtime > since else []
    return found


@dataclass
class _Heard:
    """The words of one job: trials that run with what they said last, those that ended, its first and last word."""

    running: dict[str, tuple[str, str, float]] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    done: int = 0
    first: float | None = None
    last: float = 0.0
    is_over: bool = False


def _heard(path: Path) -> _Heard:
    found = _Heard()
    for event in EventTail(path).new():
        with suppress(KeyError, TypeError, ValueError):
            _hear(found, event)
    return found


def _hear(found: _Heard, event: Mapping[str, Json]) -> None:
    kind, moment, trial = event["event"], float(str(event["time"])), str(event.get("trial", ""))
    found.first = moment if found.first is None else found.first
    found.last = moment
    if kind in ("started", "stage"):
        since = found.running[trial][2] if trial in found.running else moment
        found.running[trial] = (str(event.get("stage", "")), str(event.get("note", "")), since)
    elif kind in ("ended", "made", "again"):
        found.running.pop(trial, None)
        found.ended |= {trial} if kind == "ended" else set()
        found.done += kind == "ended" and not event.get("elsewhere")
    elif kind in ("cancelled", "finished", "stopped"):
        found.running.clear()
        found.is_over = True
    elif kind == "worker":  # a job that was queued again begins anew
        found.running.clear()
        found.is_over = False


def _take(found: Activity, heard: _Heard, trials: Iterable[str], state: str) -> None:
    where = state.removeprefix("running ")
    found.doing += [
        Doing(trial, stage, note, since, where)
        for trial, (stage, note, since) in heard.running.items()
        if trial not in heard.ended
    ]
    found.queued += [trial for trial in trials if trial not in heard.ended and trial not in heard.running]
    found.ended += heard.done
    if heard.first is not None:
        found.begun = heard.first if found.begun is None else min(found.begun, heard.first)


def _trials_of(events: Path) -> list[str]:
    file = events.with_name(events.name.removesuffix(".events.jsonl") + ".json")
    with suppress(OSError, ValueError):
        return _waiting_in(read_job(file))
    return []


def _waiting_in(job: Job) -> list[str]:
    """The trials that end in this job; those of another wait in a later one of its chain."""
    return [assignment.trial.id for assignment in job.assignments] if job.is_last else []
