"""What a removal does to latency and throughput, in words: nothing is claimed of what was noisy or timed too seldom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.stats import Interval
from harness.tables.cells import number, percent
from harness.tables.columns import MACS_SAVED
from harness.tables.derived import FEWEST_PAIRS, TIMED_WORDS
from harness.tables.marks import quality
from harness.tables.panels import RUNTIME, Panel, with_values
from harness.tables.runtimes import size_words, sizes, speed_column
from harness.tables.summaries import measured_structures, speed_interval

LATENCY = "latency_s"


@dataclass(frozen=True)
class Change:
    """A metric after the removal over the same before, with its interval if it was timed often enough."""

    factor: float
    interval: Interval | None
    quality: str

    @property
    def way(self) -> str:
        """`fell by 10.5 % [9.8, 11.2]`."""
        ends = self.interval or Interval(self.factor, self.factor)
        bounds = sorted((100 * abs(ends.low - 1), 100 * abs(ends.high - 1)))
        word = "fell" if self.factor < 1 else "rose"
        return f"{word} by {percent(abs(self.factor - 1))} [{number(bounds[0])}, {number(bounds[1])}]"

    @property
    def seen(self) -> str:
        """`−11.9 to −9.6 %`."""
        ends = self.interval or Interval(self.factor, self.factor)
        return f"{number(100 * (ends.low - 1))} to {number(100 * (ends.high - 1))} %"

    @property
    def is_unclear(self) -> bool:
        """Whether the interval holds no change at all."""
        return self.interval is not None and self.interval.low <= 1 <= self.interval.high


def speeds(timed: Sequence[Panel], level: float) -> list[str]:
    """A sentence for each metric and size that was timed at a level; of several runtimes it tells each one's part."""
    found = (text for metric, word in TIMED_WORDS.items() for text in _told(timed, level, metric, word))
    return [text for text in found if text]


def _told(timed: Sequence[Panel], level: float, metric: str, word: str) -> Iterator[str]:
    """One for the first size, then one for each other."""
    columns = sizes(timed, metric)
    words = size_words(timed[0], columns)
    for column in columns:
        changes = {panel.key[RUNTIME]: change for panel in timed if (change := _change(panel, level, column))}
        if column == columns[0]:
            under = timed[0].scenario(column)
            yield _of_first(changes, f"{word} ({under})" if under else word, len(timed) == 1)
        elif changes:
            told = _by_runtime(changes) if len(timed) > 1 else "".join(map(_among, changes.values()))
            yield f"At {words[column]}{_where(timed[0], level, column)}, {told}."


def _of_first(changes: Mapping[str, Change], what: str, is_alone: bool) -> str:
    if is_alone:
        return "".join(_alone(change, what) for change in changes.values())
    return f"The {what}, {_by_runtime(changes)}." if changes else ""


def _by_runtime(changes: Mapping[str, Change]) -> str:
    return "by runtime: " + "; ".join(f"in {runtime} {_among(change)}" for runtime, change in changes.items())


def _where(panel: Panel, level: float, column: str) -> str:
    """What the removal saves at a size that is not the first; nothing where that is the same."""
    name = panel.saved(column)
    held = with_values(panel.at(level), name)
    if name == MACS_SAVED or not len(held):
        return ""
    return f", where the same removal saves {percent(float(held[name].mean()))} of the MACs"


def _change(panel: Panel, level: float, name: str) -> Change | None:
    """Of a timed column, by its name in the trials table."""
    rows, column = measured_structures(panel.at(level)), speed_column(name)
    held, interval = with_values(rows, column), speed_interval(rows, column)
    if not len(held):
        return None
    factor = float(np.median(held[column]))
    if name.partition("@")[0] == LATENCY:  # a time is the inverse of a speed, so its interval is turned round
        factor = 1 / factor
        interval = interval and Interval(1 / interval.high, 1 / interval.low)
    return Change(factor, interval, quality(held, name))


def _alone(change: Change, what: str) -> str:
    if change.interval is None:
        return f"Nothing is said of the {what}: it was timed in fewer than {FEWEST_PAIRS} pairs."
    if change.is_unclear:
        return f"A change of the {what} could not be told from noise ({change.seen})."
    if change.quality != "ok":
        # The interval holds for this process alone; timings that scatter so may give another one in the next.
        return (
            f"Nothing is claimed of the {what}: its timing was {change.quality} (a change of {change.seen} was seen)."
        )
    return f"The {what} {change.way}."


def _among(change: Change) -> str:
    if change.interval is None:
        return f"nothing is said, as it was timed in fewer than {FEWEST_PAIRS} pairs"
    if change.is_unclear:
        return f"a change could not be told from noise ({change.seen})"
    if change.quality != "ok":
        return f"nothing is claimed, as its timing was {change.quality} (a change of {change.seen} was seen)"
    return f"it {change.way}"
