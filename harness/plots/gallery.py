"""Every figure of a study, in the order in which a reader wants them, and each only where it says more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from harness.plots.accuracy_activity import accuracy_activity
from harness.plots.accuracy_cost import accuracy_cost, accuracy_machine
from harness.plots.accuracy_count import accuracy_count
from harness.plots.activity import activity_by_depth
from harness.plots.agreement import agreement_matrix
from harness.plots.depth import depth
from harness.plots.drawing import Drawing
from harness.plots.entropy import entropies
from harness.plots.look import Look, looks
from harness.plots.networks import networks
from harness.plots.realised import realised
from harness.plots.recovered import before_after, families, recovery_curves
from harness.plots.runtimes import runtime_speeds
from harness.plots.scores import scores
from harness.plots.stability import stability_matrix
from harness.plots.sublayers import shares_by_depth
from harness.tables.activity import Active
from harness.tables.alone import Apart
from harness.tables.assurance import agreement
from harness.tables.cutting import across_runtimes, of_outcomes
from harness.tables.derived import SPEEDUPS
from harness.tables.networks import whole_networks
from harness.tables.panels import KEY, Panel
from harness.tables.published_accuracies import Published
from harness.tables.selections import Selected
from harness.tables.trainings import Training

Chosen = Sequence[tuple[Panel, Sequence[Selected]]]
MACHINE = "machine_class"


@dataclass(frozen=True)
class Beside:
    """What panels do not hold.

    How long each recovery trained; what others published of the same networks; how many hidden units fire in networks
    with nothing removed, and the rows of the trials table that are ok.
    """

    trainings: Mapping[str, Training]
    published: Sequence[Published] = ()
    active: Sequence[Active] = ()
    good: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["id", "criterion"]))

    def of(self, panel: Panel) -> list[Published]:
        """What was published of a panel's network and target."""
        return [p for p in self.published if (p.model, p.target) == (panel.key["model"], panel.key["target"])]


def gallery(
    panels: Sequence[Panel],
    criteria: Sequence[str],
    random: Sequence[str] = (),
    chosen: Chosen = (),
    taken_apart: Sequence[Apart] = (),
    beside: Beside | None = None,
) -> tuple[Drawing, ...]:
    """The figures that the records can fill; a criterion looks the same in all of them.

    `criteria` are all that any panel has. `chosen` are the selections, panel by panel of those that share them;
    `taken_apart` are networks whose sublayers were measured one by one.
    """
    look = looks(criteria, random)
    held = beside or Beside({})
    found = [
        *_of_outcomes(panels, look, held),
        *((panel, drawing) for panel, selected in chosen for drawing in _of_selections(panel, selected)),
    ]
    told = [_noted(drawing, panel.note) for panel, drawing in _told_once(found)]
    note = panels[0].note if panels else ""
    of_units = (activity_by_depth(held.active), accuracy_activity(held.good))
    whole = (*entropies(chosen), *shares_by_depth(taken_apart), *(one for one in of_units if one is not None))
    first = (drawing for drawing in map(networks, whole_networks(panels)) if drawing is not None)
    return (*(_noted(drawing, note) for drawing in first), *told, *(_noted(drawing, note) for drawing in whole))


def _of_outcomes(panels: Sequence[Panel], look: Mapping[str, Look], held: Beside) -> Iterator[tuple[Panel, Drawing]]:
    outcomes = of_outcomes(panels)
    groups = families(outcomes)
    curves = {members[0].slug: _of_recoveries(members, held) for members in groups}
    in_curves = {p.slug for members in groups if curves[members[0].slug] for p in members}
    for panel, timed in zip(outcomes, across_runtimes(panels), strict=True):
        # Of one amount a curve has one point; what recoveries make of it is in the figure of recoveries.
        has_curve = len(panel.levels) > 1 or panel.slug not in in_curves
        of_amounts = (accuracy_cost, accuracy_count, accuracy_machine) if has_curve else ()
        drawings: list[Drawing | None] = [draw(panel, look, held.of(panel)) for draw in of_amounts]
        drawings += [*curves.get(panel.slug, ()), depth(panel), *_speeds(panel, timed, outcomes)]
        yield from ((panel, drawing) for drawing in drawings if drawing is not None)


def _of_recoveries(members: Sequence[Panel], held: Beside) -> list[Drawing]:
    found = (recovery_curves(members, held.trainings), before_after(members))
    return [drawing for drawing in found if drawing is not None]


def _speeds(panel: Panel, timed: Sequence[Panel], others: Sequence[Panel]) -> Iterator[Drawing | None]:
    """What arrives of the saving: machines side by side; several runtimes together, metric by metric."""
    if len(timed) > 1:
        yield from (runtime_speeds(timed, panel, metric) for metric in SPEEDUPS)
        return
    same = [other for other in others if all(other.key[n] == panel.key[n] for n in KEY if n != MACHINE)]
    if same[0] is panel:
        yield realised(*same)


def _of_selections(panel: Panel, selected: Sequence[Selected]) -> list[Drawing]:
    found = (scores(panel, selected), agreement_matrix(panel, agreement(selected)), stability_matrix(panel, selected))
    return [drawing for drawing in found if drawing is not None]


def _told_once(found: Iterable[tuple[Panel, Drawing]]) -> Iterator[tuple[Panel, Drawing]]:
    """Figures of one kind with the same data are one: a recovery changes no set, a machine no accuracy."""
    alike: dict[tuple[str, str], list[tuple[Panel, Drawing]]] = {}
    for panel, drawing in found:
        alike.setdefault((drawing.name.partition("-")[0], drawing.csv), []).append((panel, drawing))
    for (panel, drawing), *rest in alike.values():
        labels = "; ".join(other.label for other, _ in rest)
        yield panel, replace(drawing, caption=f"{drawing.caption} The same for {labels}.") if rest else drawing


def _noted(drawing: Drawing, note: str) -> Drawing:
    return replace(drawing, caption=f"{drawing.caption} {note}") if note else drawing
