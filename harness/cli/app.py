"""Every command with its arguments; what a command does is imported when it is called, so that help is instant."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from harness.cli import comparison_commands, drawing_commands, record_commands
from harness.cli.arguments import (
    REPORTS,
    RESULTS,
    AsJson,
    Gpu,
    Keep,
    Reports,
    Results,
    Set,
    Site,
    SourceArgument,
    StudyArgument,
    StudyFileArgument,
)
from harness.cli.exits import FINE, USER

app = typer.Typer(
    name="harness",
    help="Which layers can I remove, by which criterion, at what cost, on which hardware?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def _main(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        from harness import __version__

        typer.echo(f"harness {__version__}")
        raise typer.Exit(FINE)
    if context.invoked_subcommand is None:
        raise typer.Exit(USER)


@app.command()
def run(
    study: StudyFileArgument,
    site: Site = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N.")] = None,
    executor: Annotated[str | None, typer.Option(help="inline, local or slurm.")] = None,
    set_: Set = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Run the first N candidates only (for testing).")] = None,
    fresh: Annotated[str | None, typer.Option(metavar="STAGE", help="Make STAGE again, or all; old runs stay.")] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Run failed trials again.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Hand the trials over and return at once.")] = False,
    results: Results = RESULTS,
    reports: Reports = REPORTS,
) -> None:
    """Run a study: what is done is skipped, the rest is run, then the report is written."""
    from harness.cli.run import run_study
    from harness.place import Orders

    orders = Orders(device, executor, limit, fresh, retry_failed, detach, _command())
    raise typer.Exit(run_study(study, site, set_ or [], orders, results, reports))


@app.command()
def plan(
    study: StudyFileArgument,
    site: Site = None,
    set_: Set = None,
    gpu: Gpu = None,
    as_json: AsJson = False,
    results: Results = RESULTS,
) -> None:
    """Show trials and stages, what is done and what is new, without running anything."""
    from harness.cli.plan import show_plan

    raise typer.Exit(show_plan(study, site, set_ or [], as_json, results, gpu))


@app.command()
def validate(
    study: StudyFileArgument,
    site: Site = None,
    set_: Set = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 2 where a rule of the field is broken.")] = False,
    allow: Annotated[list[str] | None, typer.Option(metavar="RULE", help="May be broken under --strict.")] = None,
    as_json: AsJson = False,
    results: Results = RESULTS,
) -> None:
    """Check a study file: every problem at once, then the rules of the field that it breaks."""
    from harness.cli.validate import Strictness, validate_study

    strictness = Strictness(strict, tuple(allow or ()))
    raise typer.Exit(validate_study(study, site, set_ or [], results, strictness, as_json))


@app.command()
def fetch(source: SourceArgument, site: Site = None, set_: Set = None) -> None:
    """Bring weights and data here ahead, for nodes without a network."""
    from harness.cli.fetch import fetch_all

    raise typer.Exit(fetch_all(source, site, set_ or []))


@app.command()
def status(study: StudyArgument, as_json: AsJson = False, results: Results = RESULTS) -> None:
    """Show what is done, running and failed."""
    from harness.cli.status import show_status

    raise typer.Exit(show_status(study, as_json, results))


@app.command()
def watch(study: StudyArgument, results: Results = RESULTS, reports: Reports = REPORTS) -> None:
    """Follow what runs without a launcher, then write the report; Ctrl-C leaves it running."""
    from harness.cli.watch import watch_study

    raise typer.Exit(watch_study(study, results, reports))


@app.command()
def cancel(study: StudyArgument, results: Results = RESULTS) -> None:
    """End the jobs that run without a launcher; finished trials are kept."""
    from harness.cli.watch import cancel_study

    raise typer.Exit(cancel_study(study, results))


@app.command()
def logs(
    trial: Annotated[str, typer.Argument(metavar="TRIAL", help="Name of a trial, or its beginning.")],
    is_whole: Annotated[bool, typer.Option("--all", help="The whole log, not its end.")] = False,
    results: Results = RESULTS,
) -> None:
    """Show what a trial printed."""
    from harness.cli.watch import show_log

    raise typer.Exit(show_log(trial, results, is_whole))


@app.command()
def merge(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", exists=True, file_okay=False, help="Another results folder.")
    ],
    results: Results = RESULTS,
) -> None:
    """Add the records and artifacts of another results folder; nothing that is here is changed."""
    from harness.cli.merge import merge_results

    raise typer.Exit(merge_results(folder, results))


@app.command()
def gc(
    study: Annotated[str | None, typer.Argument(metavar="[STUDY]", help="Only what this study alone uses.")] = None,
    keep: Annotated[Keep, typer.Option(help="How much stays: each word less than the one before it.")] = "newest",
    stage: Annotated[list[str] | None, typer.Option("--stage", metavar="STAGE", help="Only artifacts of it.")] = None,
    delete: Annotated[bool, typer.Option("--delete", help="Remove what goes; without it nothing is.")] = False,
    as_json: AsJson = False,
    results: Results = RESULTS,
) -> None:
    """Show what artifacts take and why they are kept; remove those that nothing needs. Records always stay."""
    from harness.clearing import Wish
    from harness.cli.gc import clear_artifacts
    from harness.cli.report import study_name

    wish = Wish(keep, tuple(stage or ()), study_name(study) if study else None)
    raise typer.Exit(clear_artifacts(wish, delete, as_json, results))


@app.command()
def pack(
    study: StudyArgument,
    undo: Annotated[bool, typer.Option("--undo", help="Each record a file of its own again.")] = False,
    results: Results = RESULTS,
) -> None:
    """Put a study's records into one file, for disks that count files; every command reads them there."""
    from harness.cli.pack import pack_study

    raise typer.Exit(pack_study(study, undo, results))


@app.command()
def report(study: StudyArgument, results: Results = RESULTS, reports: Reports = REPORTS) -> None:
    """Write tables, figures and pages again, from records alone."""
    from harness.cli.report import report_study

    raise typer.Exit(report_study(study, results, reports))


@app.command()
def export(
    trial: Annotated[str, typer.Argument(metavar="TRIAL", help="Id of a trial, as status and tables print it.")],
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="A folder that is new or empty.", show_default=False)],
    onnx: Annotated[bool, typer.Option("--onnx", help="Also as ONNX, compared with the network.")] = False,
    torch_export: Annotated[bool, typer.Option("--torch-export", help="Also as a torch.export program.")] = False,
    results: Results = RESULTS,
) -> None:
    """Take a trial's network home: recipe and weights in a folder that harness.load reads."""
    from harness.cli.export import export_trial

    raise typer.Exit(export_trial(trial, to, results, onnx, torch_export))


@app.command()
def reproduce(
    record: Annotated[Path, typer.Argument(metavar="RECORD.json", help="One record.", show_default=False)],
    site: Site = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N; default: as in the record.")] = None,
    keep: Annotated[
        Path | None, typer.Option("--keep", metavar="DIR", help="Keep the new results in DIR, which is new or empty.")
    ] = None,
    margin: Annotated[
        float,
        typer.Option(metavar="SHARE", min=0.001, max=1.0, help="Within what factor noisy numbers are equivalent."),
    ] = 0.05,
    plugins: Annotated[list[Path] | None, typer.Option("--plugins", metavar="FILE", help="One's own plug-ins.")] = None,
    weights: Annotated[Path | None, typer.Option("--weights", metavar="FILE", help="Weights from a file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run a record's trial again from the record alone, and say what came out the same."""
    from harness.cli.reproduce import Asking, reproduce_record

    asking = Asking(site, device, keep, margin, tuple(plugins or ()), weights)
    raise typer.Exit(reproduce_record(record, asking, as_json))


@app.command()
def tabulate(
    study: StudyFileArgument,
    up_to: Annotated[int | None, typer.Option("--up-to", min=1, help="Largest sets; without a word all sets.")] = None,
    score: Annotated[
        str | None, typer.Option(metavar="CRITERION", help="A criterion by name, or a plug-in file that registers one.")
    ] = None,
    search: Annotated[str | None, typer.Option(metavar="SEARCH", help="Its search; without a word its own.")] = None,
    to: Annotated[Path | None, typer.Option("--to", metavar="DIR", help="Where the tables go.")] = None,
    site: Site = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N.")] = None,
    set_: Set = None,
    results: Results = RESULTS,
) -> None:
    """Evaluate every set of a study's models into one file each, and score a criterion among all sets."""
    from harness.cli.tabulate import TableOrders, tabulate_study

    raise typer.Exit(tabulate_study(study, site, set_ or [], TableOrders(up_to, score, search, to, device), results))


@app.command("list")
def list_(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="models, criteria, searches, collectors, ...")],
    why: Annotated[bool, typer.Option("--why", help="Also what cannot be used, with the reason.")] = False,
    results: Results = RESULTS,
) -> None:
    """List what a study can name: models, criteria, searches, collectors, recoveries, datasets, targets, executors."""
    from harness.cli.list import list_kind

    raise typer.Exit(list_kind(kind, why, results))


@app.command()
def schema() -> None:
    """Print the JSON Schema of the study file, for editors."""
    from harness.cli.schema import print_schema

    raise typer.Exit(print_schema())


@app.command()
def doctor(site: Site = None, as_json: AsJson = False) -> None:
    """Say what this machine can measure, what not, why, and how to improve it."""
    from harness.cli.doctor import show_findings

    raise typer.Exit(show_findings(as_json, site))


record_commands.register(app)
drawing_commands.register(app)
comparison_commands.register(app)


def _command() -> str:
    """This call for a report: no folder of this machine, and nothing that is asked for once."""
    words = [word for word in sys.argv[1:] if word not in ("--retry-failed", "--detach")]
    return shlex.join(["python", "-m", "harness", *map(_without_folder, words)])


def _without_folder(word: str) -> str:
    key, equals, value = word.rpartition("=")
    return key + equals + (Path(value).name if Path(value).is_absolute() else value)
