"""A finished figure with its caption and its data, and its files, which do not change from run to run."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from harness.plots.look import paper

DPI = 200
FORMATS = ("svg", "pdf", "png")
_NO_SVG_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}
_NO_PDF_METADATA = {"CreationDate": None, "Creator": None, "Producer": None}


@dataclass(frozen=True)
class Drawing:
    """`name` is its files'; the title is its alt text; the caption says what is shown and must be kept in mind.

    `data` holds what is drawn, a row for each point, bar or cell, in base units that its columns name.
    """

    name: str
    title: str
    caption: str
    figure: Figure
    data: pd.DataFrame = field(default_factory=pd.DataFrame, compare=False)

    @cached_property
    def svg(self) -> str:
        """The figure as SVG; transparent, letters as outlines, without date, program or machine."""
        with self._settled() as figure:
            text = io.StringIO()
            figure.savefig(text, format="svg", metadata=_NO_SVG_METADATA)
        return text.getvalue()

    def write_png(self, path: Path) -> None:
        """The figure on white, at print resolution."""
        with self._settled() as figure:
            figure.savefig(path, format="png", dpi=DPI, facecolor="white", metadata={"Software": None})

    def write_pdf(self, path: Path) -> None:
        """The figure as PDF; transparent, its fonts embedded as TrueType, without date or program."""
        with self._settled() as figure:
            figure.savefig(path, format="pdf", metadata=_NO_PDF_METADATA)

    def write(self, path: Path) -> None:
        """The figure in the format that the file's ending names, one of FORMATS."""
        if path.suffix == ".svg":
            path.write_text(self.svg, encoding="utf-8")
        elif path.suffix == ".pdf":
            self.write_pdf(path)
        else:
            self.write_png(path)

    @contextmanager
    def _settled(self) -> Iterator[Figure]:
        """The figure with everything in its place: that takes as long as drawing, and is done once for all formats."""
        with paper():
            if self.figure.get_layout_engine() is not None:
                self.figure.draw_without_rendering()
            # As long as it has an engine, even one that does nothing, a figure is drawn twice to be saved once.
            with rc_context({"figure.constrained_layout.use": False}):
                self.figure.set_layout_engine(None)
                yield self.figure

    @property
    def csv(self) -> str:
        """What is drawn, as a table to read elsewhere."""
        return self.data.to_csv(index=False, lineterminator="\n")
