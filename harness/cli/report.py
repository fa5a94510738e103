"""`harness report`: tables, figures and pages from records alone; also what a study's name or file means."""

from __future__ import annotations

from pathlib import Path

import typer

from harness.cli.exits import FINE, NOTHING
from harness.errors import SpecError
from harness.store import Store
from harness.study_file import read_yaml


def study_name(study: str) -> str:
    """The name of a study, given as a name or as its file."""
    if not study.endswith((".yaml", ".yml")):
        return study
    name = read_yaml(Path(study)).get("study")
    if not isinstance(name, str):
        raise SpecError(f"{study}: study: is required")
    return name


def nothing_ran(name: str, place: str | Path) -> int:
    """Says that a study has no record there, and gives the exit code of it."""
    typer.echo(f"{name}: no record in {place}; run the study first", err=True)
    return NOTHING


def report_study(study: str, results: Path, reports: Path) -> int:
    """Rebuilds the report; without a single record there is nothing to report."""
    from harness.report import write_report
    from harness.tables import parquet

    name, store = study_name(study), Store(results)
    if not store.has_record(name):
        return nothing_ran(name, results)
    typer.echo(f"report: {write_report(store, name, reports)}")
    if not parquet.is_available():
        typer.echo(f"{parquet.FILE} is left out, as pyarrow is absent: {parquet.REMEDY}")
    return FINE
