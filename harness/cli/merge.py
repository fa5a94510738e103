"""`harness merge`: another results folder is added to this one."""

from __future__ import annotations

from pathlib import Path

import typer

from harness.cli.exits import FINE
from harness.gathering import merge
from harness.wording import counted


def merge_results(source: Path, results: Path) -> int:
    """Says what was new, and every file that was left where it is."""
    found = merge(source, results)
    typer.echo(f"{counted(found.records, 'run')} and {counted(found.artifacts, 'artifact')} added")
    for sentence in found.refused:
        typer.echo(f"left there: {sentence}", err=True)
    return FINE
