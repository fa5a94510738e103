"""`harness export`: a trial's network taken home, and the lines that bring it back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from harness.cli.exits import FINE
from harness.errors import DataError

if TYPE_CHECKING:
    from harness.export import Recipe


def export_trial(trial: str, to: Path, results: Path, onnx: bool, torch_export: bool) -> int:
    """Writes the folder, and beside recipe and weights the formats that were asked for, each checked."""
    from harness.export import export, load
    from harness.formats import ONNX_FILE, TORCH_FILE, check_onnx, write_onnx, write_torch_export
    from harness.tasks.catalogue import task_called

    if onnx:
        check_onnx()
    recipe = export(results, trial, to)
    gone = f"{len(recipe.removed)} sublayers removed" if recipe.removed else "nothing removed"
    typer.echo(f"{trial}: {recipe.architecture}, {gone}")
    for path in sorted(to.iterdir()):
        typer.echo(f"{path}  {path.stat().st_size} bytes")
    if onnx or torch_export:
        _check_exportable(recipe)
        net, task = load(to), task_called(recipe.task)
        inputs = task.example(task.input_config(net), 2, "cpu").inputs
        for is_wanted, file, write in (
            (torch_export, TORCH_FILE, write_torch_export),
            (onnx, ONNX_FILE, write_onnx),
        ):
            if is_wanted:
                difference = write(net, inputs, to)
                typer.echo(f"{to / file}  outputs differ from the network's by {difference:.2g} at most")
    typer.echo(f"in Python: import harness; net = harness.load({str(to)!r})")
    return FINE


def _check_exportable(recipe: Recipe) -> None:
    """Raises DataError for a network whose folder is all that can be had of it."""
    from harness.models import is_language_model

    if is_language_model(recipe.architecture):
        raise DataError("a decoder is taken home as a folder of transformers alone, and that is written")
