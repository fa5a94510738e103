"""`harness run`: the study, then its report, then words and an exit code."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import typer

from harness.cli.exits import FAILED, FINE, INTERRUPTED
from harness.cli.progress import watcher_for
from harness.errors import SpecError, StoreError
from harness.following import Summary
from harness.launch import launch
from harness.place import Orders
from harness.records import STAGES
from harness.store import Store
from harness.study_file import load_study
from harness.wording import counted

SHOWN_FAILURES = 10
RETRY = "--retry-failed"


def run_study(
    study: Path, site: Path | None, overrides: list[str], orders: Orders, results: Path, reports: Path
) -> int:
    """Runs what is new and always leaves a report that agrees with the records."""
    if orders.fresh not in (None, "all", *STAGES):
        raise SpecError(f"--fresh {orders.fresh}: must be all or one of {', '.join(STAGES)}")
    file = load_study(study, overrides, site)
    with watcher_for(sys.stdout.isatty()) as watcher:
        summary = launch(file, results, orders, watcher)
    if summary.is_detached:
        _say_detached(summary)
        return FINE
    say(summary)
    if summary.is_interrupted:
        typer.echo(f"interrupted: finished trials are kept; go on with: {_typed()}")
        return INTERRUPTED
    page = written_report(summary, results, reports)
    again = _typed() if RETRY in sys.argv else f"{_typed()} {RETRY}"
    say_failures(summary, f"go on with: {_typed()}", f"run them again with: {again}")
    if page is not None:
        typer.echo(f"report: {page}")
    return FAILED if summary.failed or summary.held_back or summary.left else FINE


def _say_detached(summary: Summary) -> None:
    if not summary.left:
        say(summary)
        return
    typer.echo(f"{summary.study}: {counted(summary.left, 'trial')} handed over; they run on without this command")
    for word, meaning in (("status", "what is done"), ("watch", "follow them"), ("cancel", "end them")):
        typer.echo(f"  python -m harness {word} {summary.study}   # {meaning}")


def say(summary: Summary) -> None:
    """What a launch did, in one line."""
    ran = len(summary.ok) + len(summary.failed)
    if not ran and not summary.is_interrupted and not summary.left:
        what = (
            f"all {summary.total} trials are done"
            if not summary.held_back
            else f"{summary.done_before} trials are done"
        )
        typer.echo(f"{summary.study}: {what}; nothing to run")
        return
    parts = [f"{len(summary.ok)} done now", f"{summary.done_before} before", f"{len(summary.failed)} failed"]
    parts += [f"{summary.left} left"] if summary.left else []
    typer.echo(f"{summary.study}: {counted(summary.total, 'trial')}: {', '.join(parts)}")


def written_report(summary: Summary, results: Path, reports: Path) -> Path | None:
    """The page of a report that agrees with the records; raises StoreError where it cannot be written."""
    from harness.report import write_report

    try:
        return write_report(Store(results), summary.study, reports)
    except OSError as error:
        raise StoreError(f"the report cannot be written: {error.strerror}") from None


def _typed() -> str:
    return shlex.join(["python", "-m", "harness", *sys.argv[1:]])


def say_failures(summary: Summary, go_on: str, retry: str) -> None:
    """How jobs died, what is left and what failed, and what to do about either."""
    for sentence in summary.deaths[:SHOWN_FAILURES]:
        typer.echo(sentence, err=True)
    if summary.left:
        typer.echo(f"{counted(summary.left, 'trial')} left; {go_on}", err=True)
    failed = summary.failed | summary.held_back
    for trial, message in list(failed.items())[:SHOWN_FAILURES]:
        typer.echo(f"failed: {trial}: {message.splitlines()[0] if message else 'no message'}", err=True)
    if len(failed) > SHOWN_FAILURES:
        typer.echo(f"... and {len(failed) - SHOWN_FAILURES} more", err=True)
    if failed:
        typer.echo(f"{counted(len(failed), 'trial')} failed; {retry}", err=True)
