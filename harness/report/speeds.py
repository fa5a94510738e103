"""What a removal does to latency and throughput, in words: nothing is claimed of what was noisy or timed too seldom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.stats import Interval
from harness.tables.cells import number, percent
from harness.tables.derived import FEWEST_PAIRS
from harness.tables.marks import quality
from harness.tables.panels import RUNTIME, Panel, with_values
from harness.tables.summaries import measured_structures, speed_interval

LATENCY, THROUGHPUT = "latency_s", "images_per_s"
CASES = ((LATENCY, "speedup", "latency"), (THROUGHPUT, "speedup_throughput", "throughput"))


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
    """A sentence for each metric that was timed at a level; of several runtimes it tells each one's part."""
    found = (_told(timed, level, *case) for case in CASES)
    return [text for text in found if text]


def _told(timed: Sequence[Panel], level: float, metric: str, column: str, word: str) -> str:
    changes = {panel.key[RUNTIME]: change for panel in timed if (change := _change(panel, level, metric, column))}
    under = timed[0].scenario(metric)
    what = f"{word} ({under})" if under else word
    if len(timed) == 1:
        return "".join(_alone(change, what) for change in changes.values())
    parts = [f"in {runtime} {_among(change)}" for runtime, change in changes.items()]
    return f"The {what}, by runtime: {'; '.join(parts)}." if parts else ""


def _change(panel: Panel, level: float, metric: str, column: str) -> Change | None:
    rows = measured_structures(panel.at(level))
    held, interval = with_values(rows, column), speed_interval(rows, column)
    if not len(held):
        return None
    factor = float(np.median(held[column]))
    if metric == LATENCY:  # a time is the inverse of a speed, so its interval is turned round
        factor = 1 / factor
        interval = interval and Interval(1 / interval.high, 1 / interval.low)
    return Change(factor, interval, quality(held, metric))


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
