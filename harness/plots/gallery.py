"""Every figure of a study, panel by panel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.plots.accuracy_cost import accuracy_cost
from harness.plots.accuracy_count import accuracy_count
from harness.plots.depth import depth
from harness.plots.drawing import Drawing
from harness.plots.look import looks
from harness.plots.realised import realised
from harness.tables.panels import Panel


def gallery(panels: Sequence[Panel], criteria: Sequence[str], random: Sequence[str] = ()) -> tuple[Drawing, ...]:
    """The figures that the records can fill; a criterion looks the same in all of them."""
    extra = sorted({name for panel in panels for name in panel.criteria} - set(criteria))
    look = looks([*criteria, *extra], random)
    found: list[Drawing] = []
    for panel in panels:
        drawings = (accuracy_cost(panel, look), accuracy_count(panel, look), depth(panel), realised(panel))
        found += [_noted(drawing, panel.note) for drawing in drawings if drawing is not None]
    return tuple(found)


def _noted(drawing: Drawing, note: str) -> Drawing:
    return replace(drawing, caption=f"{drawing.caption} {note}") if note else drawing
