"""`harness plot`: a figure of one's own from the trials table, or one of the report's in another size or format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from harness.cli.exits import FINE, NOTHING
from harness.cli.report import nothing_ran, study_name
from harness.cli.written import write_asked, written
from harness.errors import SpecError, UnknownNameError, unknown
from harness.plots.chart import chart
from harness.plots.drawing import FORMATS, Drawing
from harness.plots.look import Size, looks, sized
from harness.plots.picking import WORDS, Wish, conditions
from harness.report.figures import figures
from harness.report.view import View, view
from harness.store import Store
from harness.tables.columns import companion


@dataclass(frozen=True)
class Asked:
    """What the command line asks for: axes and what sets series apart, or a figure of the report by its name."""

    x: str | None
    y: str | None
    by: str | None
    where: Sequence[str]
    figure: str | None
    to: Path | None
    size: Size


def plot_study(study: str, asked: Asked, results: Path, reports: Path) -> int:
    """Draws, writes the figure and its data, and says where; without axes or a name, what there is to draw."""
    name, store = study_name(study), Store(results)
    if not store.has_record(name):
        return nothing_ran(name, results)
    _check(asked)
    seen = view(store, name)
    if asked.figure is None and asked.x is None:
        _list(seen)
        return FINE
    drawing = _named(seen, asked.figure, asked.size) if asked.figure is not None else _own(seen, asked)
    if drawing is None:
        typer.echo(f"{name}: no trial that went well has both {asked.x} and {asked.y}", err=True)
        return NOTHING
    path = asked.to or reports / name / "plots" / f"{drawing.name}.svg"
    with written(path):
        drawing.write(path)
    write_asked(path.with_suffix(".csv"), drawing.csv)
    typer.echo(f"{drawing.caption}\nfigure: {path}\ndata: {path.with_suffix('.csv')}")
    return FINE


def _check(asked: Asked) -> None:
    """What contradicts itself, before records are read into tables."""
    if asked.to is not None and asked.to.suffix.removeprefix(".") not in FORMATS:
        known = ", ".join(f".{ending}" for ending in FORMATS)
        raise SpecError(f"--to: {asked.to.name} has no format that is known; its name must end with one of {known}")
    is_own = asked.x is not None or asked.y is not None
    if is_own and (asked.x is None or asked.y is None):
        raise SpecError("--x and --y: a figure of one's own needs both")
    if is_own and asked.figure is not None:
        raise SpecError("--figure: a figure of the report has its own axes; leave out --x and --y, or this")


def _own(seen: View, asked: Asked) -> Drawing | None:
    wish = Wish(asked.x or "", asked.y or "", asked.by, conditions(asked.where))
    with sized(asked.size):
        made = chart(seen.table, seen.columns, wish, looks(seen.criteria, seen.index.random_criteria))
    note = seen.panels[0].note if seen.panels else ""
    return replace(made, caption=f"{made.caption} {note}") if made and note else made


def _named(seen: View, name: str, size: Size) -> Drawing:
    found = {drawing.name: drawing for drawing in figures(seen, size)}
    if name not in found:
        raise UnknownNameError(unknown("figure", name, found, "--figure"))
    return found[name]


def _list(seen: View) -> None:
    typer.echo("figures of the report, for --figure:")
    for drawing in figures(seen):
        typer.echo(f"  {drawing.name}")
    typer.echo("columns, for --x, --y, --by and --where:")
    for column in seen.columns:
        if companion(column.name) not in WORDS and seen.table[column.name].notna().any():
            unit = f" [{column.unit}]" if column.unit else ""
            typer.echo(f"  {column.name}{unit}: {column.meaning}")
