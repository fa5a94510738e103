"""`harness watch`, `cancel` and `logs`: jobs that run without a launcher are followed, ended, listened to."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from harness.cli.exits import FAILED, FINE, INTERRUPTED
from harness.cli.progress import watcher_for
from harness.cli.report import study_name
from harness.cli.run import RETRY, say, say_failures, written_report
from harness.errors import StoreError
from harness.executors.base import stop
from harness.following import PATIENCE_S
from harness.jobs import EventLog, JobFolder, events_path
from harness.launch import watch
from harness.live import forget, live_jobs
from harness.store import Store
from harness.wording import counted

TAIL_LINES = 40
AGAIN = "run the study again"


def watch_study(study: str, results: Path, reports: Path) -> int:
    """Follows what runs to its end, then writes the report; Ctrl-C leaves the jobs running."""
    store, name = Store(results), study_name(study)
    with watcher_for(sys.stdout.isatty()) as watcher:
        summary = watch(store, name, watcher)
    if summary.is_interrupted:
        typer.echo(f"{name}: {counted(summary.left, 'trial')} run on; look again with: python -m harness watch {name}")
        return INTERRUPTED
    say(summary)
    typer.echo(f"report: {written_report(summary, results, reports)}")
    say_failures(summary, AGAIN, f"{AGAIN}; what would only fail again waits for {RETRY}")
    return FAILED if summary.failed or summary.left else FINE


def cancel_study(study: str, results: Path) -> int:
    """Ends the jobs that run without a launcher; finished trials are kept."""
    store, name = Store(results), study_name(study)
    store.read_index(name)
    jobs = [one for one in live_jobs(JobFolder(results, name)) if one.handle.is_running()]
    stop([one.handle for one in jobs], PATIENCE_S)
    still = [one for one in jobs if one.handle.is_running()]
    for one in jobs:
        if one not in still:
            EventLog(events_path(one.file)).add("cancelled")
            forget(one.file)
    ended = f"{name}: {counted(len(jobs) - len(still), 'job')} ended; finished trials are kept"
    typer.echo(ended if not still else f"{ended}; {counted(len(still), 'job')} still ending, or on another machine")
    return FINE


def show_log(trial: str, results: Path, is_whole: bool) -> int:
    """The end of what a trial printed, of whichever study it is; raises StoreError where there is none."""
    found = [
        path for study in Store(results).studies() for path in (results / study / "logs").glob("*.log")
        if path.stem.startswith(trial)
    ]  # fmt: skip
    found = [path for path in found if path.stem == trial] or found
    if len(found) != 1:
        few = ", ".join(sorted(path.stem for path in found)[:5])
        raise StoreError(f"{trial}: {f'which of {few}?' if found else 'no trial has a log that begins so'}")
    lines = found[0].read_text(encoding="utf-8", errors="replace").splitlines()
    if not lines:
        typer.echo(f"{found[0].stem} printed nothing")
    for line in lines if is_whole else lines[-TAIL_LINES:]:
        typer.echo(line)
    return FINE
