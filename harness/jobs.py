"""What an executor is handed: the trials of one worker, and how it tells what it is doing."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal

from harness.errors import StoreError
from harness.privacy import is_private, made_private
from harness.record_file import in_words
from harness.records import STAGES, Asked, FailureClass, TrialInfo
from harness.retries import Retry
from harness.schema import Json, Options, Schema, sealed, unsealed

WITH_TRIAL = ("started", "ended", "made", "again", "stage")
NOT_OURS = "is a link, another user's, or open to others, so nothing is handed over there"
MAX_TEXT = 500  # characters of a field of an event; the record has the whole


class Assignment(Schema):
    """One trial, what is still to be measured of it, and which attempt this is.

    `makers` names by stage the trial that makes it for all who share it; a stage that this one has no use of is not
    there.
    """

    trial: TrialInfo
    asked: tuple[Asked, ...]
    attempt: int = 1
    makers: dict[str, str] = {}


class Job(Schema):
    """Everything a worker needs; lives in the study's private `jobs` folder and in no record.

    `stages` are those that this job carries out: what earlier ones make must be there, and a record is written where
    `cost`, the last, is among them. `fresh` names stages whose artifacts made before `submitted` (seconds since the
    epoch) are made again; `files` maps a weights file's SHA-256 to its place.
    """

    id: str
    study: str
    results: str
    assignments: tuple[Assignment, ...]
    collectors: tuple[Options, ...]
    costs: Literal["shared", "each"] = "shared"
    remeasure: int = 0  # how often a timing that cannot be trusted is taken again
    device: str = "auto"
    sharded: bool = False  # every network is laid over the devices, instead of being copied to each
    slot: int = 0  # trials of one slot of a device run one after the other, whichever study they belong to
    side_by_side: int = 1  # workers of one launch on one machine, which share no core
    executor: str = "inline"
    paths: dict[str, str] = {}
    stage_data: bool = False  # data are copied to `paths["scratch"]` of the node, and read there
    files: dict[str, str] = {}
    plugins: tuple[str, ...] = ()  # files of the user's own plug-ins
    workers: int = 0
    timeout_s: float = 3600.0
    checkpoint_s: float | None = None  # between two checkpoints of a training; None: its own default
    stages: tuple[str, ...] = STAGES
    chain: str = ""  # shared by the jobs that carry out one launch
    retries: dict[FailureClass, Retry] = {}  # further attempts of a trial whose child ended so
    fresh: tuple[str, ...] = ()
    submitted: float = 0.0
    limited: bool = False
    preload: tuple[str, ...] = ()
    follows_launcher: bool = False  # ends when the process that started it is gone
    code: str = ""  # the launcher's own code, by digest; a worker with another one runs nothing

    @property
    def is_last(self) -> bool:
        """Whether its trials end with it; else it makes what a later job of its chain goes on with."""
        return self.stages[-1] == STAGES[-1]


class JobFolder:
    """Where jobs, their events and logs lie: `results/<study>/jobs` and `logs`, for the user only."""

    def __init__(self, results: Path, study: str) -> None:
        self.jobs = results / study / "jobs"
        self.logs = results / study / "logs"

    def create(self) -> None:
        """Both folders, for their owner alone; raises StoreError where they cannot be had so."""
        for folder in (self.jobs, self.logs):
            try:
                is_private = made_private(folder)
            except OSError as error:
                raise StoreError(f"{_shown(folder)}: {in_words(error, 'written')}") from None
            if not is_private:
                raise StoreError(f"{_shown(folder)}: {NOT_OURS}; take another results folder (--results DIR)")

    def write(self, job: Job) -> Path:
        """The job as a file; its path is all that an executor is told."""
        path = self.jobs / f"{job.id}.json"
        text = json.dumps(sealed(job.model_dump(mode="json", by_alias=True)))
        try:
            path.unlink(missing_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
                stream.write(text)
        except OSError as error:
            raise StoreError(f"{_shown(path)}: {in_words(error, 'written')}") from None
        return path


def _shown(path: Path) -> str:
    return "/".join(path.parts[-3:])


def read_job(path: Path) -> Job:
    """The job of a file that this user's own launcher wrote; raises StoreError for any other, ValueError if damaged.

    A job names files of plug-ins, which are run: only a private file in a private folder is believed.
    """
    if not (is_private(path) and is_private(path.parent)):
        raise StoreError(f"{_shown(path)}: {NOT_OURS}; run the study again")
    return Job.model_validate(unsealed(json.loads(path.read_text(encoding="utf-8"))))


def events_path(job_file: Path) -> Path:
    """Where the events of a job are appended."""
    return job_file.with_suffix(".events.jsonl")


class EventLog:
    """Appends one JSON line per event; many processes may write to it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, event: str, **fields: Json) -> None:
        """One write of one line, so that lines of two writers never mix; long texts are cut.

        Where the disk does not take it, it is left unsaid: a trial is done when its record is there.
        """
        short = {key: value[:MAX_TEXT] if isinstance(value, str) else value for key, value in fields.items()}
        line = json.dumps({"event": event, "time": time.time(), **short}) + "\n"
        with suppress(OSError):
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(descriptor, line.encode())
            finally:
                os.close(descriptor)


class EventTail:
    """Reads the events that came since the last look."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0

    def new(self) -> Iterator[dict[str, Json]]:
        """Whole lines only; a line that is still being written is left for the next look."""
        if not self.path.exists():
            return
        with self.path.open("rb") as stream:
            stream.seek(self._offset)
            data = stream.read()
        whole = data.rfind(b"\n") + 1
        self._offset += whole
        for line in data[:whole].splitlines():
            with suppress(ValueError, RecursionError):  # half a line, where the disk was full
                event = json.loads(line)
                if _is_event(event):
                    yield event


def _is_event(found: object) -> bool:
    """Whether a line says what every line says; a damaged one says nothing."""
    return (
        isinstance(found, dict)
        and isinstance(found.get("event"), str)
        and isinstance(found.get("time"), int | float)
        and isinstance(found.get("trial", ""), str)
        and (found["event"] not in WITH_TRIAL or "trial" in found)
    )
