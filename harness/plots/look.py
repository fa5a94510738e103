"""How a figure looks: the style sheet, and a colour, marker and line for each criterion that survive a grey printer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

STYLE = Path(__file__).with_name("paper.mplstyle")
Size: TypeAlias = Literal["column", "page"]
SIZES_IN: dict[Size, float] = {"column": 3.5, "page": 7.0}
WIDTH_IN = SIZES_IN["column"]
_WIDTH = ContextVar("width of what is drawn, in inches", default=WIDTH_IN)
MOST_COLUMNS = 3  # of a legend, in a column
HANDLE_IN, LETTER_IN, ROW_IN = 0.52, 0.052, 0.17  # of a legend at the style's size of letters
INK = "#1f2430"  # text, axes and the baseline; a page may put its own ink and paper in place of these three
GRID = "#d5d9e0"
PAPER = "#fffffe"  # the inside of hollow markers
CONTROL = "#7a7f87"
# Okabe and Ito's palette without black (the baseline's) and yellow (too light for a line).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")
LINES: tuple[str | tuple[int, tuple[float, ...]], ...] = ("-", (0, (5, 1.6)), (0, (1.2, 1.2)), (0, (5, 1.4, 1.2, 1.4)))


@dataclass(frozen=True)
class Look:
    """Colour, marker and line of one series."""

    colour: str
    marker: str
    line: str | tuple[int, tuple[float, ...]]


BASELINE = Look(INK, "*", (0, (3, 2)))


def look_at(place: int) -> Look:
    """The look of a series by its place among others."""
    return Look(COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)], LINES[place % len(LINES)])


def looks(criteria: Sequence[str], random: Sequence[str] = ()) -> dict[str, Look]:
    """A look per criterion, by its place in the study; random ones are grey, as the control they are."""
    found: dict[str, Look] = {}
    for i, name in enumerate(criteria):
        found[name] = replace(look_at(i), colour=CONTROL) if name in random else look_at(i)
    return found


@contextmanager
def paper() -> Iterator[None]:
    """The style in force while a figure is drawn and while it is saved."""
    with mpl.rc_context(_style()):
        yield


@cache
def _style() -> Any:  # matplotlib spells all of its keys out in their type
    return mpl.rc_params_from_file(STYLE, use_default_template=False)


@contextmanager
def sized(size: Size) -> Iterator[None]:
    """What is drawn meanwhile is as wide as one column of a paper, or as its page."""
    before = _WIDTH.set(SIZES_IN[size])
    try:
        yield
    finally:
        _WIDTH.reset(before)


def width_in() -> float:
    """How wide a figure is to be, in inches."""
    return _WIDTH.get()


def canvas(height_in: float = 2.6) -> tuple[Figure, Axes]:
    """An empty figure of the width that is asked for."""
    figure = Figure(figsize=(width_in(), height_in))
    axes: Axes = figure.subplots()
    return figure, axes


def tiles(many: int, height_in: float) -> tuple[Figure, list[Axes]]:
    """A figure of several axes that share their heights: two in a row of a column, four in a row of a page.

    `height_in` is of one row; a last row that is not full leaves its places empty.
    """
    across = min(many, 2 if width_in() <= WIDTH_IN else 4)
    down = math.ceil(many / across)
    figure = Figure(figsize=(width_in(), height_in * down))
    places: list[Axes] = list(figure.subplots(down, across, sharey=True, squeeze=False).flat)
    for axes in places[many:]:
        axes.remove()
    return figure, places[:many]


def dodge(place: int, among: int, gap: float) -> float:
    """A small shift that sets series apart which share their positions; a sixth of the gap for all of them."""
    return 0.0 if among < 2 else gap / 6 * (place / (among - 1) - 0.5)


def short(label: str, most: int = 28) -> str:
    """A label that fits beside others; its end is cut."""
    return label if len(label) <= most else label[: most - 1] + "…"


def _width_in(labels: Sequence[str], columns: int) -> float:
    longest = (max((len(label) for label in labels[column::columns]), default=0) for column in range(columns))
    return sum(HANDLE_IN + LETTER_IN * length for length in longest)


def legend_above(figure: Figure, axes: Axes) -> None:
    """The legend outside the data, to be read row by row; the figure grows where it needs more than two rows."""
    entries = [(handle, short(label)) for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)]
    if not entries:
        return
    labels = [label for _, label in entries]
    width = figure.get_figwidth()
    most = round(MOST_COLUMNS * width / WIDTH_IN)
    columns = next(n for n in range(most, 0, -1) if n == 1 or _width_in(labels, n) <= width)
    rows = math.ceil(len(entries) / columns)
    figure.set_figheight(figure.get_figheight() + ROW_IN * max(0, rows - 2))
    # Matplotlib fills column by column, and a short last row leaves its last columns short.
    ordered = [entry for column in range(columns) for entry in entries[column::columns]]
    handles, names = zip(*ordered, strict=True)
    figure.legend(handles, names, loc="outside upper center", ncols=columns)
