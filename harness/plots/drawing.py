"""A finished figure with its caption, and its files: SVG and PNG that do not change from run to run."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from matplotlib.figure import Figure

from harness.plots.look import paper

DPI = 200
_NO_SVG_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}


@dataclass(frozen=True)
class Drawing:
    """`name` is its files'; the title is its alt text; the caption says what is shown and must be kept in mind."""

    name: str
    title: str
    caption: str
    figure: Figure

    @cached_property
    def svg(self) -> str:
        """The figure as SVG; transparent, without date, program or machine."""
        with paper():
            text = io.StringIO()
            self.figure.savefig(text, format="svg", metadata=_NO_SVG_METADATA)
        return text.getvalue()

    def write_png(self, path: Path) -> None:
        """The figure on white, at print resolution."""
        with paper():
            self.figure.savefig(path, format="png", dpi=DPI, facecolor="white", metadata={"Software": None})
