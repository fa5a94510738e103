"""How a doubtful point looks: hollow where its timing was noisy, hollow and crossed where it was tainted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from matplotlib.axes import Axes

from harness.plots.look import CONTROL, PAPER, Look

CAPTION = "noisy timings are hollow, tainted ones crossed as well"


def face(look: Look, quality: str) -> str:
    """The inside of a point's marker."""
    return look.colour if quality == "ok" else PAPER


def cross(axes: Axes, x: float, y: float, look: Look, quality: str) -> None:
    """A cross over a tainted point."""
    if quality == "tainted":
        style: dict[str, Any] = {
            "color": look.colour,
            "marker": "x",
            "markersize": 7,
            "linestyle": "none",
            "zorder": 3.5,
        }
        axes.plot([x], [y], **style)


def explain(axes: Axes, qualities: Iterable[str]) -> None:
    """An entry of the legend for each doubt that a point has."""
    held = set(qualities)
    common: dict[str, Any] = {"color": CONTROL, "linestyle": "none"}
    if "noisy" in held:
        axes.plot([], [], label="noisy", marker="o", markerfacecolor=PAPER, **common)
    if "tainted" in held:
        axes.plot([], [], label="tainted", marker="x", **common)
