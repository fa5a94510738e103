"""Commands about records that have come together: history, verify, archive."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from harness.cli.arguments import REPORTS, RESULTS, AsJson, Reports, Results, Site, StudyArgument


def register(app: typer.Typer) -> None:
    """Makes these commands known beside the others."""
    for command in (history, verify, archive):
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


def archive(
    study: StudyArgument,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="A folder that is new or empty.", show_default=False)],
    title: Annotated[str | None, typer.Option(help="Title to be cited by; without one the study's question.")] = None,
    author: Annotated[list[str] | None, typer.Option(help="`Family, Given`, or a group; may be given again.")] = None,
    version: Annotated[str, typer.Option(help="Version of this set of results.")] = "1.0",
    license_: Annotated[str | None, typer.Option("--license", metavar="SPDX", help="Licence: CC-BY-4.0, ...")] = None,
    pack: Annotated[Literal["zip", "tar.gz"] | None, typer.Option(help="Also as one file beside DIR.")] = None,
    results: Results = RESULTS,
    reports: Reports = REPORTS,
) -> None:
    """Put a study's results into a folder to be published: records, tables, citation, dictionary, checksums."""
    from harness.archive.terms import Terms
    from harness.cli.archive import archive_study

    terms = Terms(title or "", tuple(author or ()), version, license_)
    raise typer.Exit(archive_study(study, to, terms, pack, results, reports))
