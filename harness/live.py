"""Jobs that outlive their launcher: where each went stands beside it until it has ended, for others to find."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError
from harness.executors.base import Executor, Handle, executors
from harness.jobs import Job, JobFolder, read_job
from harness.privacy import is_private
from harness.schema import Options, canonical
from harness.whole_file import OWNER, write_whole

SUFFIX = ".where.json"


@dataclass(frozen=True)
class Live:
    """A job that was handed over and not yet seen to end."""

    job: Job
    file: Path
    handle: Handle


def remember(file: Path, executor: Executor, handle: Handle) -> None:
    """Keeps where a job went; only its owner can read it."""
    found = {"executor": {"name": executor.name, **executor.options()}, "where": handle.where()}
    write_whole(note_of(file), json.dumps(found), OWNER)


def forget(file: Path) -> None:
    """The job has ended, and what came of it stands in records."""
    note_of(file).unlink(missing_ok=True)


def live_jobs(folder: JobFolder) -> list[Live]:
    """Every job of a study that is remembered, oldest first; what cannot be read is passed over."""
    groups: dict[str, list[tuple[Path, Options]]] = {}
    for place in sorted(folder.jobs.glob(f"*{SUFFIX}")):
        file = place.with_name(f"{place.name.removesuffix(SUFFIX)}.json")
        with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
            if not (is_private(place) and is_private(folder.jobs)):
                continue  # nobody else says which processes or jobs of this user are to be ended
            held = json.loads(place.read_text(encoding="utf-8"))
            groups.setdefault(canonical(dict(held["executor"])), []).append((file, dict(held["where"])))
    found = [one for executor, jobs in groups.items() for one in _attached(executor, jobs)]
    return sorted(found, key=lambda one: one.file.name)


def _attached(executor: str, jobs: Sequence[tuple[Path, Options]]) -> list[Live]:
    """The jobs of one executor, asked after together."""
    try:
        plugin = executors.create(json.loads(executor), "executor")
    except (HarnessError, KeyError):
        return []
    found = []
    for (file, _), handle in zip(jobs, plugin.attach(jobs), strict=True):
        with suppress(OSError, ValueError, HarnessError):
            job = read_job(file)
            if handle is not None and job.id == file.stem:
                found.append(Live(job, file, handle))
    return found


def note_of(file: Path) -> Path:
    """Where it stands where the job of a file went."""
    return file.with_name(f"{file.stem}{SUFFIX}")
