"""`harness archive`: a study's results as a folder that can be cited, checked and read without harness."""

from __future__ import annotations

from pathlib import Path

import typer

from harness.archive.bundle import archive
from harness.archive.packed import Form, free_place, pack_up
from harness.archive.terms import Terms
from harness.cli.exits import FINE
from harness.cli.report import nothing_ran, study_name
from harness.errors import visible
from harness.store import Store
from harness.wording import counted


def archive_study(study: str, to: Path, terms: Terms, form: Form | None, results: Path, reports: Path) -> int:
    """Writes it and says what is in it; without a record there is nothing to write."""
    name, store = study_name(study), Store(results)
    if not store.has_record(name):
        return nothing_ran(name, results)
    if form is not None:
        free_place(to, form)
    found = archive(store, name, reports, to, terms)
    for sentence in found.left_out:
        typer.echo(f"left out: {visible(sentence)}", err=True)
    typer.echo(f"{to}: {counted(found.records, 'record')} in {counted(len(found.files), 'file')}")
    if form is not None:
        typer.echo(pack_up(to, form))
    return FINE
