"""`harness validate`: every problem of a study file at once."""

from __future__ import annotations

from pathlib import Path

import typer

from harness.cli.exits import FINE
from harness.plan import make_plan
from harness.study_file import load_study
from harness.wording import counted


def validate_study(study: Path, site: Path | None, overrides: list[str], results: Path) -> int:
    """Says that a file is fine and what it asks for; problems are raised together."""
    plan = make_plan(load_study(study, overrides, site), results)
    candidates = sum(not trial.is_baseline for trial in plan.trials)
    baselines = len(plan.trials) - candidates
    trials = f"{counted(candidates, 'candidate')} and {counted(baselines, 'baseline')}"
    typer.echo(f"{study}: fine: {trials} of {counted(len(plan.study.models), 'model')}")
    return FINE
