"""How good selections are among all sets of their size: gain, regret, percentile, and the two oracles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

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
    by_count: dict[int, list[Standing]] = {}
    for one in found:
        by_count.setdefault(one.count, []).append(one)
    rows = tuple(_row(panel, one) for _, at in sorted(by_count.items()) for one in (*at, *_yardsticks(at)))
    notes = [
        f"Test {OUTCOME_WORD} in per cent, untrained, of sets of the same size; mean and standard deviation over "
        "networks. The two best sets are chosen without the test split, so others may do better on it: on the "
        "calibration items (what a criterion could reach with what it is given), and on validation, chosen on one half "
        "of it and the other half in turn (a maximum over many noisy values is optimistic). Gain: how far from the "
        "mean of all sets (0) to the best on validation (1). Regret: best on validation − this, in points. "
        "Percentile: share of all sets that are not better on test."
    ]
    if any(one.draws for one in found):
        notes.append("A random criterion shows the mean of its draws; the mean of all sets is its exact value.")
    header = ("criterion", "removed", OUTCOME_WORD, "gain", "regret", "percentile")
    return Table(f"optimum-{panel.slug}", f"How good selections are: {panel.label}", header, rows, tuple(notes))


def _yardsticks(at: Sequence[Standing]) -> list[Standing]:
    """The two oracles and the mean of all sets as rows of their own, of the criterion that met most networks."""
    widest = max(at, key=lambda one: len(one.own))
    values = {
        "best on validation": widest.validation,
        "best on calibration": widest.calibration,
        "mean of all sets": widest.mean,
    }
    return [replace(widest, criterion=name, draws=0, own=own, percentiles=[]) for name, own in values.items() if own]


def _row(panel: Panel, one: Standing) -> tuple[str, ...]:
    sets = f" ({one.sets:.0f} sets)" if one.sets else ""
    percentile = percent(float(np.mean(one.percentiles)), 0) if one.percentiles else NONE
    return (
        f"{one.criterion}{f' ({one.draws} draws)' if one.draws else ''}",
        f"{one.count}{f' of {panel.of}' if panel.of else ''}{sets}",
        points(one.own),
        number(one.gain, 2),
        points(one.regret),
        percentile,
    )
