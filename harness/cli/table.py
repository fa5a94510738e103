"""`harness table`: the results of a study as tables for a paper, or in the spelling of another tool."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from harness.cli.exits import FINE
from harness.cli.report import nothing_ran, study_name
from harness.cli.written import write_asked
from harness.errors import SpecError, UnknownNameError, unknown
from harness.exports.base import Results as Given
from harness.exports.catalogue import EXPORTS
from harness.report.library import every_table
from harness.report.view import View, view
from harness.store import Store
from harness.tables.files import csv_of
from harness.tables.table import Table, latex, markdown


def _markdown(table: Table) -> str:
    return f"### {table.title}\n\n{markdown(table)}"


PRINTED = {"latex": latex, "markdown": _markdown}
FORMATS = (*PRINTED, *EXPORTS)


@dataclass(frozen=True)
class Asked:
    """What the command line asks for: a format, the tables of the report by name, and a file."""

    format: str
    names: Sequence[str]
    to: Path | None


def export_table(study: str, asked: Asked, results: Path) -> int:
    """Writes to the file or to standard output."""
    name, store = study_name(study), Store(results)
    if asked.format not in FORMATS:
        raise UnknownNameError(unknown("format", asked.format, FORMATS, "--as"))
    _check(asked)
    if not store.has_record(name):
        return nothing_ran(name, results)
    seen = view(store, name)
    if asked.names or asked.format in PRINTED:
        made = "\n".join(PRINTED.get(asked.format, csv_of)(table) for table in _tables(seen, asked.names)).encode()
    else:
        made = EXPORTS[asked.format].write(Given(name, seen.results, seen.table, seen.columns))
    _write(made, asked.to)
    return FINE


def _check(asked: Asked) -> None:
    if asked.to is None and asked.format in EXPORTS and not EXPORTS[asked.format].is_text:
        raise SpecError(f"--to: {asked.format} is no text; name a file, such as trials{EXPORTS[asked.format].ending}")
    if asked.names and asked.format not in (*PRINTED, "csv"):
        raise SpecError(f"--table: {asked.format} holds whole results; single tables are latex, markdown or csv")


def _tables(seen: View, names: Sequence[str]) -> list[Table]:
    """The tables of the report, or those that are named; raises UnknownNameError for others."""
    held = {table.name: table for table in every_table(seen)}
    problems = [unknown("table", name, held, "--table") for name in names if name not in held]
    if problems:
        raise UnknownNameError(problems)
    return [held[name] for name in names or held]


def _write(made: bytes, to: Path | None) -> None:
    if to is None:
        sys.stdout.buffer.write(made)
        return
    write_asked(to, made)
    typer.echo(f"table: {to}")
