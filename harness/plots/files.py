"""Figures as files: vectors for a paper and a page, a picture to look at, and the data of each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.plots.drawing import FORMATS, Drawing


def write_figures(drawings: Sequence[Drawing], folder: Path, formats: Sequence[str] = FORMATS) -> None:
    """Every drawing in these formats."""
    for drawing in drawings:
        for ending in formats:
            drawing.write(folder / f"{drawing.name}.{ending}")


def write_data(drawings: Sequence[Drawing], folder: Path) -> None:
    """What every drawing shows, as `<name>.csv`."""
    for drawing in drawings:
        if len(drawing.data):
            (folder / f"{drawing.name}.csv").write_text(drawing.csv, encoding="utf-8")
