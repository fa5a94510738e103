"""`harness status`: what is done, running and failed, from records and events."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import typer

from harness.cli.exits import FINE
from harness.cli.report import study_name
from harness.jobs import EventTail, JobFolder, events_path
from harness.live import Live, live_jobs
from harness.records import Record, TrialInfo
from harness.store import Store
from harness.wording import counted

NEWEST = 8
SILENT_S = 120.0  # a stage that says nothing for this long is not shown as running


def show_status(study: str, as_json: bool, results: Path) -> int:
    """Prints one line per state, and every failed trial with its reason."""
    store, name = Store(results), study_name(study)
    index, records = store.read_index(name), store.records(name)
    newest = _newest(records)
    states = {trial.id: _state(trial, newest) for trial in index.trials}
    folder = JobFolder(results, name)
    live = [one for one in live_jobs(folder) if one.handle.is_running()]
    running = _running(folder, live, states)
    jobs = Counter(one.handle.state() for one in live)
    if as_json:
        typer.echo(json.dumps({"study": name, "trials": states, "running": running, "jobs": jobs}, indent=1))
        return FINE
    words = [f"{sum(s == word for s in states.values())} {word}" for word in ("done", "failed", "new")]
    typer.echo(f"{name}: {counted(len(states), 'trial')}: {', '.join(words)}, {len(running)} running")
    for state, count in jobs.items():
        typer.echo(f"{counted(count, 'job')} {state}")
    for trial, doing in running.items():
        typer.echo(f"running {trial}: {doing}")
    for trial, state in states.items():
        if state == "failed":
            typer.echo(f"failed  {trial}: {newest[trial].reason}")
    return FINE


def _newest(records: tuple[Record, ...]) -> dict[str, Record]:
    """The newest run of each trial, an ok one before any other."""
    ranked = sorted(records, key=lambda r: (r.status == "ok", r.run.started))
    return {record.trial.id: record for record in ranked}


def _state(trial: TrialInfo, newest: dict[str, Record]) -> str:
    record = newest.get(trial.id)
    return "new" if record is None else "done" if record.status == "ok" else "failed"


def _running(folder: JobFolder, live: Sequence[Live], states: dict[str, str]) -> dict[str, str]:
    """What trials said last, where that was a moment ago and nothing has ended since.

    Jobs that run without a launcher are known; the others are among those that began last.
    """
    newest = sorted(folder.jobs.glob("*.events.jsonl"))[-NEWEST:]
    said = [_said_last(path) for path in dict.fromkeys([*newest, *(events_path(one.file) for one in live)])]
    return {trial: doing for of_job in said for trial, doing in of_job.items() if trial in states}


def _said_last(path: Path) -> dict[str, str]:
    running: dict[str, str] = {}
    for event in EventTail(path).new():
        trial = str(event.get("trial", ""))
        if event["event"] == "stage" and float(str(event["time"])) > time.time() - SILENT_S:
            running[trial] = f"{event.get('stage')} {event.get('note', '')}".strip()
        elif event["event"] in ("ended", "again"):
            running.pop(trial, None)
        elif event["event"] == "cancelled":
            running.clear()
    return running
