"""Commands about records that have come together: history, verify, archive."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.arguments import AsJson, Results, Site, StudyArgument

RESULTS = Path("results")


def register(app: typer.Typer) -> None:
    """Makes these commands known beside the others."""
    for command in (history, verify):
        app.command()(command)


def history(
    study: StudyArgument,
    metric: Annotated[str | None, typer.Option(metavar="METRIC", help="Only this one: top1, latency_s.")] = None,
    to: Annotated[Path | None, typer.Option("--to", metavar="FILE.html", help="Also as a page with figures.")] = None,
    repository: Annotated[Path, typer.Option(metavar="DIR", help="Where git knows the commits.")] = Path(),
    as_json: AsJson = False,
    results: Results = RESULTS,
) -> None:
    """Show a study's numbers over commits, versions and machines: every step, and the commit that brought it."""
    from harness.cli.history import show_history

    raise typer.Exit(show_history(study, results, repository, metric, to, as_json))


def verify(
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="Results, a study's folder, a snapshot or an archive.", show_default=False),
    ],
    recompute: Annotated[
        bool, typer.Option("--recompute", help="Also make exact numbers anew where that can be.")
    ] = False,
    site: Site = None,
    as_json: AsJson = False,
) -> None:
    """Check records that others made: schema, checksums, ids, proofs, and whether their numbers bear each other out."""
    from harness.cli.verify import verify_folder

    raise typer.Exit(verify_folder(folder, recompute, site, as_json))
