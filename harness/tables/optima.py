"""How good selections are among all sets of their size: gain, regret, percentile, and the two oracles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.tables.cells import NONE, number, percent, points
from harness.tables.columns import OUTCOME_WORD
from harness.tables.panels import Panel
from harness.tables.selections import Selected, by_criterion, number_at, over_networks
from harness.tables.table import Table


@dataclass(frozen=True)
class Standing:
    """One criterion at one count; accuracies are shares on the test split, one mean per network, draws averaged."""

    criterion: str
    count: int
    sets: float | None
    draws: int
    own: list[float]
    mean: list[float]
    calibration: list[float]
    validation: list[float]
    percentiles: list[float]

    @property
    def gain(self) -> float | None:
        """(own - mean of all sets) / (best - mean of all sets), of means over networks; None where nothing is above."""
        best, chance = self._mean(self.validation), self._mean(self.mean)
        own = self._mean(self.own)
        if best is None or chance is None or own is None or best <= chance:
            return None
        return (own - chance) / (best - chance)

    @property
    def regret(self) -> list[float]:
        """Best on validation minus own, by network."""
        return [b - o for b, o in zip(self.validation, self.own, strict=False)]

    @property
    def gap(self) -> list[float]:
        """Best on validation minus best on calibration, by network."""
        return [v - c for v, c in zip(self.validation, self.calibration, strict=False)]

    @staticmethod
    def _mean(values: Sequence[float]) -> float | None:
        return float(np.mean(values)) if values else None


def standings(found: Sequence[Selected]) -> tuple[Standing, ...]:
    """Criteria in the order of their selections, counts ascending."""
    counts = sorted({count for one in found for count in one.optimum})
    held = by_criterion(found)
    chosen = [(name, count, [s for s in held[name] if count in s.optimum]) for name in held for count in counts]
    return tuple(_standing(name, count, own) for name, count, own in chosen if own)


def _standing(name: str, count: int, own: Sequence[Selected]) -> Standing:
    def values(*path: str) -> list[float]:
        return over_networks((s.unit, number_at(s.optimum[count], *path)) for s in own)

    return Standing(
        criterion=name,
        count=count,
        sets=number_at(own[0].optimum[count], "sets"),
        draws=len({s.draw for s in own if s.draw is not None}),
        own=values("own"),
        mean=values("mean"),
        calibration=values("best_calibration", "value"),
        validation=values("best_validation", "value"),
        percentiles=values("percentile"),
    )


def optimum_table(panel: Panel, found: Sequence[Standing]) -> Table | None:
    """Own accuracy beside the mean of all sets and the two oracles; None where no other sets were evaluated."""
    if not found:
        return None
    rows = tuple(_row(panel, one) for one in found)
    notes = [
        f"Test {OUTCOME_WORD} in per cent, untrained, of sets of the same size; mean and standard deviation over "
        "networks. The two best sets are chosen without the test split: on the calibration items (what a criterion "
        "could reach with what it is given), and on validation, chosen on one half of it and the other half in turn "
        "(a maximum over many noisy values is optimistic). Gain: (own − mean) / (best on validation − mean), 1 is the "
        "best set and 0 is chance. Regret: best on validation − own, in points. Percentile: share of all sets that are "
        "not better on test. Gap: best on validation − best on calibration, in points."
    ]
    if any(one.draws for one in found):
        notes.append("Of a random criterion, own is the mean of its draws; the mean of all sets is its exact value.")
    header = (
        "criterion",
        "removed",
        "own",
        "mean of all sets",
        "best (calibration)",
        "best (validation)",
        "gap",
        "gain",
        "regret",
        "percentile",
    )
    return Table(f"optimum-{panel.slug}", f"How good selections are: {panel.label}", header, rows, tuple(notes))


def _row(panel: Panel, one: Standing) -> tuple[str, ...]:
    sets = f" ({one.sets:.0f} sets)" if one.sets else ""
    percentile = percent(float(np.mean(one.percentiles)), 0) if one.percentiles else NONE
    return (
        f"{one.criterion}{f' ({one.draws} draws)' if one.draws else ''}",
        f"{one.count}{f' of {panel.of}' if panel.of else ''}{sets}",
        points(one.own),
        points(one.mean),
        points(one.calibration),
        points(one.validation),
        points(one.gap),
        number(one.gain, 2),
        points(one.regret),
        percentile,
    )
