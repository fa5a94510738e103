"""Every figure of a study, panel by panel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from harness.plots.accuracy_cost import accuracy_cost
from harness.plots.accuracy_count import accuracy_count
from harness.plots.agreement import agreement_matrix
from harness.plots.depth import depth
from harness.plots.drawing import Drawing
from harness.plots.entropy import entropies
from harness.plots.look import looks
from harness.plots.realised import realised
from harness.plots.runtimes import runtime_speeds
from harness.plots.scores import scores
from harness.plots.sublayers import shares_by_depth
from harness.tables.alone import Apart
from harness.tables.assurance import agreement
from harness.tables.derived import SPEEDUPS
from harness.tables.panels import Panel, across_runtimes, of_outcomes
from harness.tables.selections import Selected

Chosen = Sequence[tuple[Panel, Sequence[Selected]]]


def gallery(
    panels: Sequence[Panel],
    criteria: Sequence[str],
    random: Sequence[str] = (),
    chosen: Chosen = (),
    taken_apart: Sequence[Apart] = (),
) -> tuple[Drawing, ...]:
    """The figures that the records can fill; a criterion looks the same in all of them.

    `chosen` are the selections, panel by panel of those that share them; `taken_apart` are networks whose sublayers
    were measured one by one.
    """
    extra = sorted({name for panel in panels for name in panel.criteria} - set(criteria))
    look = looks([*criteria, *extra], random)
    found: list[Drawing] = []
    outcomes = of_outcomes(panels)
    removed = _removed(outcomes)
    for panel, timed in zip(outcomes, across_runtimes(panels), strict=True):
        drawings = (accuracy_cost(panel, look), accuracy_count(panel, look), removed.get(panel.label))
        found += [_noted(drawing, panel.note) for drawing in (*drawings, *_speeds(panel, timed)) if drawing is not None]
    for panel, selected in chosen:
        maps = (scores(panel, selected), agreement_matrix(panel, agreement(selected)))
        found += [_noted(drawing, panel.note) for drawing in maps if drawing is not None]
    note = panels[0].note if panels else ""
    whole = (*entropies(chosen), *shares_by_depth(taken_apart))
    return (*found, *(_noted(drawing, note) for drawing in whole))


def _speeds(panel: Panel, timed: Sequence[Panel]) -> Iterator[Drawing | None]:
    """Of one runtime what arrives of the saving; several runtimes are drawn together, metric by metric."""
    if len(timed) == 1:
        yield realised(panel)
    else:
        yield from (runtime_speeds(timed, panel, metric) for metric in SPEEDUPS)


def _removed(panels: Sequence[Panel]) -> dict[str, Drawing]:
    """Maps of what was removed that differ, by the first panel of each: a recovery changes no set."""
    alike: dict[str, list[tuple[str, Drawing]]] = {}
    for panel in panels:
        drawing = depth(panel)
        if drawing is not None:
            alike.setdefault(drawing.svg, []).append((panel.label, drawing))
    return {label: _same(drawing, [other for other, _ in rest]) for (label, drawing), *rest in alike.values()}


def _same(drawing: Drawing, labels: Sequence[str]) -> Drawing:
    return replace(drawing, caption=f"{drawing.caption} The same for {'; '.join(labels)}.") if labels else drawing


def _noted(drawing: Drawing, note: str) -> Drawing:
    return replace(drawing, caption=f"{drawing.caption} {note}") if note else drawing
