"""`harness history`: a study's numbers over commits, versions and machines, and where they changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import typer

from harness.cli.exits import FINE, NOTHING
from harness.cli.report import nothing_ran, study_name
from harness.cli.written import write_asked
from harness.errors import visible
from harness.history.look import history_of
from harness.history.words import History, heading, sentence, summary, transitions
from harness.history.words import as_json as told
from harness.store import Store

SHOWN = 12  # steps of one transition


def show_history(
    study: str, results: Path, repository: Path, metric: str | None, to: Path | None, as_json: bool
) -> int:
    """Says what changed where; without two points of any series there is nothing to say."""
    name = study_name(study)
    found = history_of(Store(results), name, repository, metric)
    if not found.sources:
        return nothing_ran(name, f"{results} or its snapshots")
    typer.echo(json.dumps(told(found), indent=1) if as_json else "\n".join(map(visible, _lines(found))))
    if to is not None:
        from harness.history.page import page

        write_asked(to, page(found))
        typer.echo(f"history: {to}", err=as_json)
    if not found.accumulated.series:
        typer.echo("nothing to compare: every series has one point only", err=True)
        return NOTHING
    return FINE


def _lines(history: History) -> Iterator[str]:
    yield from summary(history)
    for steps in transitions(history):
        yield heading(steps)
        for step in steps[:SHOWN]:
            yield f"  {step.turn:7}  {step.series.name.trial}  {sentence(step)}"
        if len(steps) > SHOWN:
            yield f"  ... and {len(steps) - SHOWN} more (--json lists all)"
    if not history.steps and history.accumulated.series:
        yield "no step was found"
