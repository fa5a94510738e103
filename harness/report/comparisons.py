"""Criteria against each other over networks: the study's contrast tested once, the rest with Holm's correction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import pandas as pd

from harness.report.view import View
from harness.stats import Paired, detectable, fewest_signs, holm, paired
from harness.tables.cells import NONE, p_value
from harness.tables.panels import KEY, Panel
from harness.tables.qualities import ACCURACY, Quality
from harness.tables.table import Table
from harness.wording import counted

LEVEL = 0.05
EVERYWHERE = "all"
MOST_ROWS = 60
FEWEST = fewest_signs(LEVEL)  # networks that differ


@dataclass(frozen=True)
class Comparison:
    """How much more the first criterion keeps than the second, per network, averaged over counts; in stored units.

    `family` is how many comparisons the p value was adjusted for; 1 for the study's contrast.
    """

    where: str
    first: str
    second: str
    found: Paired
    p: float
    family: int
    quality: Quality = ACCURACY

    @property
    def smallest_p(self) -> float:
        """The smallest p that this comparison could have reached, adjusted."""
        return min(1.0, self.family * self.found.flips.smallest_p)

    @property
    def can_claim(self) -> bool:
        """Whether there are enough networks that differ to claim anything."""
        return self.smallest_p <= LEVEL

    @property
    def is_difference(self) -> bool:
        """Whether the test says that one keeps more than the other."""
        return self.can_claim and self.p <= LEVEL

    @property
    def detectable(self) -> float | None:
        """Difference that a paired t test would have seen with 80 % power at the level of this comparison."""
        return None if self.found.sd is None else detectable(self.found.sd, self.found.n, alpha=LEVEL / self.family)


def primary(view: View) -> Comparison | None:
    """The study's contrast over all its panels; None where one of the two was not measured."""
    if view.contrast is None:
        return None
    first, second = view.contrast
    differences = _differences(view.outcomes, first, second)
    return _comparison(EVERYWHERE, (first, second), differences, view.quality) if differences else None


def others(view: View) -> tuple[Comparison, ...]:
    """Every other pair, panel by panel, adjusted together."""
    found: list[Comparison] = []
    for panel in view.outcomes:
        for pair in combinations(panel.criteria, 2):
            is_primary = len(view.outcomes) == 1 and view.contrast is not None and set(pair) == set(view.contrast)
            differences = [] if is_primary else _differences([panel], *pair)
            if differences:
                found.append(_comparison(panel.label, pair, differences, view.quality))
    adjusted = holm([comparison.p for comparison in found])
    return tuple(replace(c, p=p, family=len(found)) for c, p in zip(found, adjusted, strict=True))


def comparison_table(
    first: Comparison | None, rest: Sequence[Comparison], controls: Sequence[str] = (), most: int = MOST_ROWS
) -> Table | None:
    """The comparisons with their intervals; None when there is nothing to compare.

    Of more than `most`, only those with a criterion of the contrast or one of the `controls` are shown.
    """
    everything = ([first] if first else []) + list(rest)
    if not everything:
        return None
    named = {first.first, first.second, *controls} if first else set(controls)
    shown = everything if len(everything) <= most else [c for c in everything if named & {c.first, c.second}][:most]
    is_placed = len({comparison.where for comparison in rest}) > 1
    rows = tuple(comparison_row(comparison, is_placed) for comparison in shown)
    header = ("pair", "difference", "95 % interval", "p", "adjusted p", "networks", "detectable")
    notes: tuple[str, ...] = (
        f"{_minus(everything[0].quality)}, averaged over draws and counts within a network; t intervals; two-sided "
        "sign-flip tests, exact up to 20 networks.",
        "The study's contrast is tested once at 5 %; all other pairs are adjusted together by Holm's method. "
        "Detectable: what a paired t test would have seen with 80 % power at the level of its row.",
    )
    if len(shown) < len(everything):
        notes += (f"Shown are {len(shown)} of {len(everything)}, with a criterion of the contrast or a random one.",)
    return Table("comparisons", "Differences between criteria", header, rows, notes)


def _minus(quality: Quality) -> str:
    """What a difference is: above 0 the first criterion keeps more."""
    if quality.sign < 0:
        return f"Test {quality.word} of the second criterion minus those of the first: above 0, the first loses less"
    measure = f"{quality.measure} of test {quality.word}"
    return f"{quality.title} of the first criterion minus that of the second, in {measure}"


def too_few(found: Paired, noun: str) -> str:
    """Why no claim can be made; what does not differ at all is no help to a test of signs."""
    alike = found.n - found.flips.signs
    given = f", of which {alike} {'shows' if alike == 1 else 'show'} no difference at all," if alike else ""
    return (
        f"with {counted(found.n, noun)}{given} the smallest p that this test can reach is "
        f"{p_value(found.flips.smallest_p)}, and at least {FEWEST} that differ are needed"
    )


def comparison_row(comparison: Comparison, is_placed: bool) -> tuple[str, ...]:
    found = comparison.found
    is_contrast = comparison.where == EVERYWHERE
    place = " (contrast)" if is_contrast else (f" ({comparison.where})" if is_placed else "")
    return (
        f"{comparison.first} − {comparison.second}{place}",
        comparison.quality.one(found.mean, 1),
        comparison.quality.between(found.interval, 1),
        p_value(found.flips.p),
        NONE if is_contrast else p_value(comparison.p),
        str(found.n),
        NONE if comparison.detectable is None else comparison.quality.one(comparison.detectable, 1),
    )


def _comparison(where: str, pair: tuple[str, str], differences: Sequence[float], quality: Quality) -> Comparison:
    found = paired(differences)
    return Comparison(where, *pair, found, found.flips.p, family=1, quality=quality)


def _differences(panels: Iterable[Panel], first: str, second: str) -> list[float]:
    return [value for values in differences_by_model(panels, first, second).values() for value in values]


def differences_by_model(panels: Iterable[Panel], first: str, second: str) -> dict[tuple[str, str], list[float]]:
    """By model and data, how much more the first keeps: one mean per network that has both criteria where any has."""
    cells: dict[tuple[str, str], dict[tuple[str, ...], list[pd.Series]]] = {}
    for panel in panels:
        if first not in panel.criteria or second not in panel.criteria:
            continue
        wide = panel.quality.sign * panel.per_unit(panel.quality.column)
        of_model = cells.setdefault((panel.key["model"], panel.key["data"]), {})
        for level in panel.levels:
            place = (*(panel.key[name] for name in KEY if name != "machine_class"), str(level))
            of_model.setdefault(place, []).append(wide[first, level] - wide[second, level])
    found: dict[tuple[str, str], list[float]] = {}
    for model, of_model in cells.items():
        averaged = [pd.concat(series, axis=1).mean(axis=1) for series in of_model.values()]
        complete = pd.concat(averaged, axis=1).dropna(axis=1, how="all").dropna(axis=0)
        found[model] = [float(value) for value in complete.mean(axis=1)] if complete.shape[1] else []
    return found
