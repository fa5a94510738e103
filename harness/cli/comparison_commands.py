"""Commands that set records beside each other: compare, snapshot, check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.arguments import RESULTS, AsJson, Results, StudyArgument

SnapshotName = Annotated[str, typer.Argument(metavar="NAME", help="Name of the snapshot.", show_default=False)]
Effect = Annotated[
    float,
    typer.Option("--effect", metavar="SHARE", min=0.0, max=10.0, help="A smaller change of a noisy metric is none."),
]
Tolerance = Annotated[
    float,
    typer.Option(
        "--tolerance",
        metavar="SHARE",
        min=0.0,
        max=1.0,
        help="What an exact outcome may differ by on another machine class.",
    ),
]
Between = Annotated[
    float | None,
    typer.Option(
        "--between", metavar="SHARE", min=0.0, max=1.0, help="Standard deviation from run to run, where it is known."
    ),
]
snapshots = typer.Typer(help="Keep records to compare with later.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Makes these commands known beside the others."""
    app.command()(compare)
    app.command()(check)
    app.add_typer(snapshots, name="snapshot")


def compare(
    sides: Annotated[
        list[str],
        typer.Argument(
            metavar="A B ...",
            help="Each a study, snapshot:NAME[/STUDY], a file or a folder; @commit=, @machine=, @torch= narrow it.",
            show_default=False,
        ),
    ],
    effect: Effect = 0.03,
    tolerance: Tolerance = 0.005,
    between: Between = None,
    to: Annotated[Path | None, typer.Option("--to", metavar="FILE", help="Also as a page, .html or .md.")] = None,
    as_json: AsJson = False,
    results: Results = RESULTS,
) -> None:
    """Set records beside each other, trial by trial: equal, better, worse, noise or unknown, and across machines."""
    from harness.cli.compare import compare_sides
    from harness.regressions.finding import Limits

    limits = Limits(effect=effect, tolerance=tolerance, between=between)
    raise typer.Exit(compare_sides(sides, limits, to, as_json, results))


def check(
    study: StudyArgument,
    against: Annotated[str, typer.Option("--against", metavar="NAME", help="The snapshot.", show_default=False)],
    effect: Effect = 0.03,
    tolerance: Tolerance = 0.005,
    between: Between = None,
    strict: Annotated[bool, typer.Option("--strict", help="What is missing here is a regression.")] = False,
    junit: Annotated[Path | None, typer.Option("--junit", metavar="FILE.xml", help="Also as JUnit XML.")] = None,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", metavar="FILE", help="Also as a short summary.")
    ] = None,
    as_json: AsJson = False,
    results: Results = RESULTS,
) -> None:
    """Tell whether a study is as good as its snapshot: exit 0 if so, 1 for a regression, 3 if nothing was compared."""
    from harness.cli.check import Asked, check_study
    from harness.regressions.finding import Limits

    limits = Limits(effect=effect, tolerance=tolerance, between=between)
    raise typer.Exit(check_study(study, against, Asked(limits, strict, as_json, junit, markdown), results))


@snapshots.command()
def save(
    name: SnapshotName,
    study: Annotated[str, typer.Option("--study", metavar="STUDY", help="Name of a study, or its file.")],
    force: Annotated[bool, typer.Option("--force", help="In place of one that is there.")] = False,
    results: Results = RESULTS,
) -> None:
    """Keep the records of a study."""
    from harness.cli.snapshot import save_snapshot

    raise typer.Exit(save_snapshot(name, study, force, results))


@snapshots.command("list")
def list_(results: Results = RESULTS) -> None:
    """List the snapshots and their studies."""
    from harness.cli.snapshot import list_snapshots

    raise typer.Exit(list_snapshots(results))


@snapshots.command()
def show(name: SnapshotName, results: Results = RESULTS) -> None:
    """Show what a snapshot holds."""
    from harness.cli.snapshot import show_snapshot

    raise typer.Exit(show_snapshot(name, results))


@snapshots.command()
def drop(
    name: SnapshotName,
    study: Annotated[str | None, typer.Option("--study", metavar="STUDY", help="Only this study.")] = None,
    results: Results = RESULTS,
) -> None:
    """Take a snapshot away."""
    from harness.cli.snapshot import drop_snapshot

    raise typer.Exit(drop_snapshot(name, study, results))
