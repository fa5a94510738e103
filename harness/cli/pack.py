"""`harness pack`: the records of a study in one file, or each in its own again."""

from __future__ import annotations

from pathlib import Path

import typer

from harness.cli.exits import FINE
from harness.cli.report import nothing_ran, study_name
from harness.packing import pack, unpack
from harness.packs import PACK
from harness.store import Store
from harness.wording import counted


def pack_study(study: str, is_undone: bool, results: Path) -> int:
    """Says how many records were moved, and names every file that stayed because it cannot be trusted."""
    store, name = Store(results), study_name(study)
    if name not in store.studies():
        return nothing_ran(name, results)
    moved = unpack(store, name) if is_undone else pack(store, name)
    records = counted(moved.records, "record")
    place = results / name / PACK
    typer.echo(
        f"{records} put back into files of their own"
        if is_undone
        else f"{place}: {records} more, {counted(moved.fewer, 'file')} and folders fewer"
    )
    for sentence in moved.left:
        typer.echo(f"left as it is: {sentence}", err=True)
    return FINE
