"""Operating points: a criterion at an amount, and what is known of it in the words that limits are stated in."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain

import numpy as np
import pandas as pd

from harness.stats import Interval, paired, paired_shares
from harness.tables.derived import COPIES
from harness.tables.documents import Documents, loss_interval
from harness.tables.items import Fetch, Verdicts
from harness.tables.marks import quality
from harness.tables.panels import UNIT, Panel, with_values
from harness.tables.qualities import BITS, QUALITIES
from harness.tables.summaries import measured_structures, speed_interval

# Choices are made on validation alone.
OF_OUTCOMES = {
    **{word: column for judged in QUALITIES for word, column in judged.of_validation.items()},
    "perplexity_ratio": "perplexity_validation_ratio",
}
SAVED = {"macs_ratio": "macs_saved", "params_ratio": "params_saved", "kv_cache_ratio": "kv_cache_saved"}
RATIOS = {"peak_ratio": "peak_bytes", "energy_ratio": "energy_j_per_image"}
SPEEDS = ("speedup", "speedup_throughput", "speedup_prefill", "speedup_decode")
COUNTED = ("macs", "params", "kv_cache")  # what their columns begin with


@dataclass(frozen=True)
class Estimate:
    """A value in base units, with its 95 % interval where one is known; `doubt` is why nothing may rest on it.

    An exact value is a mean of counts, and its interval spans the structures that were counted.
    """

    value: float
    interval: Interval | None = None
    doubt: str = ""
    is_exact: bool = False
    margin: float = 0.0  # ratio by which the truth may lie beyond the interval

    @property
    def ends(self) -> Interval | None:
        """Between what the truth may lie: the value where it is exact, None where nothing is known of it."""
        if self.is_exact:
            return Interval(self.value, self.value)
        found = self.interval
        return found and Interval(found.low * (1 - self.margin), found.high * (1 + self.margin))

    @property
    def reach(self) -> Interval | None:
        """Between what a single network may lie; None where nothing is known of it."""
        return self.interval if self.is_exact else self.ends


@dataclass(frozen=True)
class OperatingPoint:
    """A criterion at a level of a panel, over all its networks.

    `own` are its trials on the panel's machine and runtime; `judged` those that its accuracy is read from, which may
    have been measured on another machine. `over_items` is the interval of the validation drop of a single checkpoint.
    """

    panel: Panel
    criterion: str
    level: float
    own: pd.DataFrame
    judged: pd.DataFrame
    over_items: Interval | None = field(default=None, compare=False)

    @property
    def amount(self) -> str:
        """`4 of 8 attention sublayers`, or the share of a cost that the sublayers save."""
        amount, what = self.panel.amount(self.level), self.panel.sublayers
        return f"{what} worth {amount}" if self.panel.cost else f"{amount} {what}"

    @property
    def networks(self) -> int:
        """How many networks its accuracy is a mean over."""
        return int(with_values(self.judged, self.panel.quality.validation)[UNIT].nunique())

    @property
    def kept(self) -> float:
        """What is left of the outcome on validation, more being better; minus infinity where that is not known."""
        found = self.estimate(self.panel.quality.column)
        return -math.inf if found is None else self.panel.quality.sign * found.value

    @cached_property
    def _structures(self) -> pd.DataFrame:
        return measured_structures(self.own)

    @cached_property
    def _known(self) -> dict[str, Estimate | None]:
        return {}

    def estimate(self, word: str) -> Estimate | None:
        """What is known in the word of a limit or the name of a column; None where nothing was measured."""
        if word not in self._known:
            self._known[word] = self._estimated(word)
        return self._known[word]

    def _estimated(self, word: str) -> Estimate | None:
        if word in OF_OUTCOMES:
            return self.outcome(OF_OUTCOMES[word])
        if word in SAVED:
            return _rest(self._exact(SAVED[word]))
        if word == "latency_ratio":
            return _inverse(self._speed("speedup"))
        if word in SPEEDS:
            return self._speed(word)
        if word in RATIOS:
            return self._ratio(RATIOS[word])
        return self._exact(word) if word.startswith(COUNTED) else self._noisy(word)

    def outcome(self, column: str) -> Estimate | None:
        """The mean of an outcome's column over networks with its t interval; of one checkpoint that over its items."""
        held = with_values(self.judged, column)
        values = [float(value) for value in held.groupby(UNIT)[column].mean()] if len(held) else []
        if not values:
            return None
        found = paired(values)
        alone = self.over_items if column == self.panel.quality.validation_lost else None
        return Estimate(found.mean, found.interval if found.n > 1 else alone)

    def _exact(self, column: str) -> Estimate | None:
        values = with_values(self._structures, column)[column]
        if not len(values):
            return None
        return Estimate(float(values.mean()), Interval(float(values.min()), float(values.max())), is_exact=True)

    def _speed(self, column: str) -> Estimate | None:
        """The median over structures, and the widest interval that they span."""
        held = with_values(self._structures, column)
        if not len(held):
            return None
        found = speed_interval(held, column)
        worst = quality(held, column)
        doubt = "" if worst == "ok" else worst
        if found is None:
            doubt = doubt or "timed in too few pairs"
        return Estimate(float(np.median(held[column])), found, doubt, margin=COPIES)

    def _noisy(self, column: str) -> Estimate | None:
        held = with_values(self._structures, column)
        if not len(held):
            return None
        worst = quality(held, column)
        return Estimate(float(np.median(held[column])), doubt="" if worst == "ok" else worst)

    def _ratio(self, column: str) -> Estimate | None:
        """To the baseline on the same machine: what another machine held is another matter."""
        mine = self._noisy(column)
        held = with_values(self.panel.own_baselines, column)
        if mine is None or not len(held) or not (before := float(np.median(held[column]))):
            return None
        worst = quality(held, column)
        return Estimate(mine.value / before, doubt=mine.doubt or ("" if worst == "ok" else worst))


def _rest(found: Estimate | None) -> Estimate | None:
    """What is left of a whole, of what is saved."""
    if found is None:
        return None
    turned = found.interval and Interval(1 - found.interval.high, 1 - found.interval.low)
    return Estimate(1 - found.value, turned, is_exact=found.is_exact)


def _inverse(found: Estimate | None) -> Estimate | None:
    if found is None:
        return None
    turned = found.interval and Interval(1 / found.interval.high, 1 / found.interval.low)
    return Estimate(1 / found.value, turned, found.doubt, margin=found.margin)


class Validated:
    """What trials kept of single validation items, of images and of text."""

    def __init__(self, fetch: Fetch) -> None:
        self.items = Verdicts(fetch, "validation")
        self.texts = Documents(fetch, "validation")


def points_of(panel: Panel, beside: Sequence[Panel], validated: Validated) -> tuple[OperatingPoint, ...]:
    """Every criterion of a panel at every level that has a trial.

    `beside` are panels that differ in machine and runtime alone: where this one has no accuracy, theirs is read.
    """
    found = []
    for criterion in panel.criteria:
        for level in panel.levels:
            own = panel.trials(criterion, level)
            if len(own):
                seen = _judged(panel, own, (other.trials(criterion, level) for other in beside))
                found.append(OperatingPoint(panel, criterion, level, own, seen, _over_items(panel, seen, validated)))
    return tuple(found)


def _judged(panel: Panel, own: pd.DataFrame, others: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The first trials that have a validation outcome; its own where none do."""
    column = panel.quality.validation
    return next((rows for rows in chain([own], others) if len(with_values(rows, column))), own)


def _over_items(panel: Panel, rows: pd.DataFrame, validated: Validated) -> Interval | None:
    """Of a single checkpoint, how far its loss holds on other items; None for several, or where none were kept."""
    if len(rows) != 1:
        return None
    trial = str(rows["id"].iloc[0]), str(rows["machine_class"].iloc[0])
    if panel.quality == BITS:
        return loss_interval(validated.texts.of(trial), validated.texts.of_baseline(trial))
    mine, whole = validated.items.of(trial), validated.items.of_baseline(trial)
    if mine is None or whole is None or mine.order != whole.order or not len(mine.bits):
        return None
    lost, won = (int(np.count_nonzero(bits)) for bits in (whole.bits & ~mine.bits, ~whole.bits & mine.bits))
    return paired_shares(lost, won, len(mine.bits))
