"""A table drawn as coloured cells: rows by name, columns by depth, the number in each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from harness.plots.look import PAPER, WIDTH_IN, canvas, short, width_in

SHARES = LinearSegmentedColormap.from_list("shares", ["#eef3f8", "#9cc9e8", "#3d8fc4", "#0a4f86", "#062b4d"])
BELOW = ("#5c2500", "#a84b00", "#e0893f", "#f4c796", "#f6efe6")  # towards -1, for those who tell no red from green
SIGNED = LinearSegmentedColormap.from_list("signed", [*BELOW, "#eef3f8", "#9cc9e8", "#3d8fc4", "#0a4f86", "#062b4d"])
DARK, LIGHT = "#10141c", "#fdfdfd"
MARK, MARK_EDGE = "#e8740c", "#fdfdfc"
ROW_IN, MARGIN_IN = 0.27, 0.62
ANNOTATED, MOST_TICKS = 16, 12  # columns of a figure that is one column of a paper wide
LONGEST = 22

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Cells:
    """Shades from 0 to 1, or from -1 if signed (NaN: no cell), the words of a cell, and the cells that carry a mark."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    shades: Array
    write: Callable[[int, int], str]
    marks: npt.NDArray[np.bool_] | None = None
    is_signed: bool = False


def draw_cells(cells: Cells, xlabel: str, *, is_upright: bool = False) -> Figure:
    """The figure; it grows with its rows. Numbers are left out where columns are too many to hold them."""
    figure, axes = canvas(MARGIN_IN + ROW_IN * len(cells.rows))
    shown = np.ma.masked_invalid(cells.shades)
    colours, lowest = (SIGNED, -1) if cells.is_signed else (SHARES, 0)
    axes.pcolormesh(shown, cmap=colours, vmin=lowest, vmax=1, edgecolors="none", snap=True)
    _separate(axes, cells.shades.shape)
    size, wider = len(cells.columns), width_in() / WIDTH_IN
    is_written = size <= ANNOTATED * wider
    if is_written:
        _annotate(axes, cells)
    if cells.marks is not None:
        _mark(axes, cells.marks)
    axes.set_yticks(np.arange(len(cells.rows)) + 0.5, [short(name, LONGEST) for name in cells.rows])
    ticks = range(0, size, 1 if is_written else math.ceil(size / (MOST_TICKS * wider)))
    axes.set_xticks([i + 0.5 for i in ticks], [cells.columns[i] for i in ticks], rotation=90 if is_upright else 0)
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.set_xlabel(xlabel)
    return figure


def numbered(size: int) -> tuple[str, ...]:
    """Depths as the names of columns."""
    return tuple(map(str, range(size)))


def by_depth(rows: Sequence[tuple[str, str]], name: str, values: Array) -> pd.DataFrame:
    """The cells of a map as a table: a row for each criterion, kind of unit and depth that has a value."""
    told = [
        {"criterion": criterion, "kind": kind, "depth": depth, name: value}
        for (criterion, kind), own in zip(rows, values, strict=True)
        for depth, value in enumerate(own)
        if np.isfinite(value)
    ]
    return pd.DataFrame(told)


def row_name(criterion: str, kind: str) -> str:
    """A criterion and a kind of unit, where there are several; the criterion is what is cut."""
    return f"{short(criterion, LONGEST - 2 - len(kind))}, {kind}" if kind else criterion


def _separate(axes: Axes, shape: Sequence[int]) -> None:
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.hlines(range(1, shape[0]), 0, shape[1], colors=PAPER, linewidth=1.6)
    axes.vlines(range(1, shape[1]), 0, shape[0], colors=PAPER, linewidth=0.8)


def _annotate(axes: Axes, cells: Cells) -> None:
    for (row, column), shade in np.ndenumerate(cells.shades):
        if np.isfinite(shade):
            colour = LIGHT if abs(shade) > 0.45 else DARK
            place = column + 0.5, row + 0.53
            axes.text(*place, cells.write(row, column), color=colour, fontsize=8, ha="center", va="center")


def _mark(axes: Axes, marks: npt.NDArray[np.bool_]) -> None:
    """A small corner, upper right: it leaves the number readable."""
    for row, column in np.argwhere(marks):
        right, top = column + 0.98, row + 0.05
        corner = np.array([(right - 0.34, top), (right, top), (right, top + 0.34)])
        axes.add_patch(Polygon(corner, facecolor=MARK, edgecolor=MARK_EDGE, linewidth=0.5, zorder=3))
