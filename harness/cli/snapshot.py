"""`harness snapshot`: records kept to compare with later: save, list, show, drop."""

from __future__ import annotations

from pathlib import Path

import typer

from harness import snapshots
from harness.cli.exits import FINE
from harness.cli.report import nothing_ran, study_name
from harness.compare.words import described
from harness.errors import Problem, SpecError, visible
from harness.record_lines import FILE
from harness.sides import of_snapshot
from harness.store import Store
from harness.wording import counted, sized


def save_snapshot(name: str, study: str, is_forced: bool, results: Path) -> int:
    """Keeps the records of a study; without one there is nothing to keep."""
    asked, store = study_name(study), Store(results)
    folder = snapshots.place(results, name) / asked
    if (folder / FILE).exists() and not is_forced:
        raise SpecError(Problem("snapshot", f"{name!r} holds {asked!r} already; --force puts this in its place"))
    held = store.records(asked)
    if not held:
        return nothing_ran(asked, results)
    path = snapshots.save(store, asked, folder, held)
    typer.echo(f"{path}: {counted(len(held), 'run')} of {asked}, {sized(path.stat().st_size)}")
    return FINE


def list_snapshots(results: Path) -> int:
    """One line for each snapshot."""
    held = snapshots.kept(results)
    for name, studies in held.items():
        typer.echo(f"{name}: {', '.join(studies)}")
    if not held:
        typer.echo(f"no snapshot in {results}")
    return FINE


def show_snapshot(name: str, results: Path) -> int:
    """What each study of a snapshot is made of; every file is read and checked."""
    for study in snapshots.studies_in(snapshots.existing(results, name)):
        typer.echo(visible(f"{study}: {described(of_snapshot(name, results, study))}"))
    return FINE


def drop_snapshot(name: str, study: str | None, results: Path) -> int:
    """Takes a snapshot away, and says what went."""
    gone = snapshots.drop(results, name, None if study is None else study_name(study))
    typer.echo(f"gone from {name}: {', '.join(gone)}")
    return FINE
