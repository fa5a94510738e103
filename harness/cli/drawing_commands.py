"""The commands that give figures and tables to use elsewhere, with their arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from harness.cli.arguments import REPORTS, RESULTS, Reports, Results, StudyArgument

Size = Literal["column", "page"]  # as harness.plots.look has it, which is not needed for help


def register(app: typer.Typer) -> None:
    """Makes these commands known beside the others."""
    app.command()(plot)
    app.command()(table)


def plot(
    study: StudyArgument,
    x: Annotated[str | None, typer.Option("--x", metavar="COLUMN", help="A column of trials.csv.")] = None,
    y: Annotated[str | None, typer.Option("--y", metavar="COLUMN", help="Another, of numbers.")] = None,
    by: Annotated[str | None, typer.Option("--by", metavar="COLUMN", help="What sets series apart.")] = None,
    where: Annotated[
        list[str] | None, typer.Option("--where", metavar="COLUMN=VALUE", help="Only such trials; may be repeated.")
    ] = None,
    figure: Annotated[
        str | None, typer.Option("--figure", metavar="NAME", help="Instead: a figure of the report.")
    ] = None,
    to: Annotated[Path | None, typer.Option("--to", metavar="FILE", help="Ends with .svg, .pdf or .png.")] = None,
    size: Annotated[Size, typer.Option(help="Width of a column of a paper, or of its page.")] = "column",
    results: Results = RESULTS,
    reports: Reports = REPORTS,
) -> None:
    """Draw a figure of your own, or one of the report in another size or format; with no axes, list what there is."""
    from harness.cli.plot import Asked, plot_study

    raise typer.Exit(plot_study(study, Asked(x, y, by, where or [], figure, to, size), results, reports))


def table(
    study: StudyArgument,
    as_: Annotated[
        str,
        typer.Option("--as", metavar="FORMAT", help="latex, markdown, csv, parquet, timm, bencher, pytest-benchmark."),
    ] = "markdown",
    names: Annotated[
        list[str] | None,
        typer.Option("--table", metavar="NAME", help="Only this table of the report; may be repeated."),
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="A file; without a word it is printed.")
    ] = None,
    results: Results = RESULTS,
) -> None:
    """Give the report's tables for a paper, or all results in the spelling of another tool."""
    from harness.cli.table import Asked, export_table

    raise typer.Exit(export_table(study, Asked(as_, names or [], to), results))
