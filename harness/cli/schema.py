"""`harness schema`: the study file's JSON Schema, for editors."""

from __future__ import annotations

import json

import typer

from harness.cli.exits import FINE
from harness.editor import study_schema


def print_schema() -> int:
    """Prints the schema with every plug-in's options."""
    typer.echo(json.dumps(study_schema(), indent=1))
    return FINE
