"""`harness export`: a trial's network taken home, and the lines that bring it back."""

from __future__ import annotations

from pathlib import Path

import typer

from harness.cli.exits import FINE


def export_trial(trial: str, to: Path, results: Path, onnx: bool, torch_export: bool) -> int:
    """Writes the folder, and beside recipe and weights the formats that were asked for, each checked."""
    from harness.export import RECIPE, WEIGHTS, export, load
    from harness.formats import ONNX_FILE, TORCH_FILE, check_onnx, write_onnx, write_torch_export
    from harness.tasks.catalogue import task_called

    if onnx:
        check_onnx()
    recipe = export(results, trial, to)
    gone = f"{len(recipe.removed)} sublayers removed" if recipe.removed else "nothing removed"
    typer.echo(f"{trial}: {recipe.architecture}, {gone}")
    for name in (RECIPE, WEIGHTS):
        typer.echo(f"{to / name}  {(to / name).stat().st_size} bytes")
    if onnx or torch_export:
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
