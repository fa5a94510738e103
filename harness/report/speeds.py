"""What a removal does to latency and throughput, in words: nothing is claimed of what was noisy or timed too seldom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.stats import Interval
from harness.tables.cells import number, percent
from harness.tables.columns import MACS_SAVED
from harness.tables.derived import COPIES, FEWEST_PAIRS, TIMED_WORDS
from harness.tables.marks import OUT_OF_MEMORY, absent, partly, quality
from harness.tables.panels import LENGTHS, RUNTIME, Panel, with_values
from harness.tables.runtimes import sizes, speed_column
from harness.tables.summaries import measured_structures, speed_interval

LATENCY = "latency_s"
MANY = 4  # runtimes that agree are told as a range


@dataclass(frozen=True)
class Change:
    """A metric after the removal over the same before, with its interval if it was timed often enough.

    `left_out` says how many structures did not fit into memory.
    """

    factor: float
    interval: Interval | None
    quality: str
    left_out: str = ""

    @property
    def way(self) -> str:
        """`fell by 10.5 % [9.8, 11.2]`."""
        return f"{self.verb} by {self.amount}{self.left_out}"

    @property
    def verb(self) -> str:
        """Whether it fell or rose."""
        return "fell" if self.factor < 1 else "rose"

    @property
    def amount(self) -> str:
        """`10.5 % [9.8, 11.2]`."""
        ends = self.interval or Interval(self.factor, self.factor)
        bounds = sorted((100 * abs(ends.low - 1), 100 * abs(ends.high - 1)))
        return f"{percent(abs(self.factor - 1))} [{number(bounds[0])}, {number(bounds[1])}]"

    @property
    def seen(self) -> str:
        """`−11.9 to −9.6 %`."""
        ends = self.interval or Interval(self.factor, self.factor)
        return f"{number(100 * (ends.low - 1))} to {number(100 * (ends.high - 1))} %"

    @property
    def is_unclear(self) -> bool:
        """Whether the interval reaches what two copies of one network may differ by."""
        return self.interval is not None and self.interval.low <= 1 + COPIES and self.interval.high >= 1 - COPIES

    @property
    def is_claimed(self) -> bool:
        """Whether it is told as a change."""
        return self.interval is not None and not self.is_unclear and self.quality == "ok"


def speeds(timed: Sequence[Panel], level: float) -> list[str]:
    """A sentence for each metric and size that was timed at a level; of several runtimes it tells each one's part.

    What is saved of the MACs is told wherever it differs from what was told last: at first the share at the network's
    own size, which stands before these sentences.
    """
    sentences, last = [], _saving(timed[0], level, MACS_SAVED)
    for metric, word in TIMED_WORDS.items():
        for column in sizes(timed, metric):
            saving = _saving(timed[0], level, timed[0].saved(column))
            told_sizes = (timed[0].scenario(column), timed[0].scenario(column, LENGTHS))
            under = (*told_sizes, saving if saving != last else "")
            told = ", ".join(filter(None, under))
            sentence = _sentence(timed, level, column, f"{word} ({told})" if told else word)
            if sentence:
                sentences.append(sentence)
                last = saving or last
    return sentences


def _saving(panel: Panel, level: float, column: str) -> str:
    """`10.7 % of the MACs saved`; empty where that is not known."""
    held = with_values(panel.at(level), column)
    return f"{percent(float(held[column].mean()))} of the MACs saved" if len(held) else ""


def _sentence(timed: Sequence[Panel], level: float, column: str, what: str) -> str:
    found = {panel.key[RUNTIME]: _change(panel, level, column) for panel in timed}
    changes = {runtime: change for runtime, change in found.items() if change is not None}
    if len(timed) == 1:
        return "".join(_alone(change, what) for change in changes.values())
    return f"The {what}{'; '.join(_parts(changes))}." if changes else ""


def _parts(changes: Mapping[str, Change | str]) -> Iterator[str]:
    """What follows the metric: runtime by runtime, but many that agree as a range, and the others after it."""
    sure = {name: c for name, c in changes.items() if isinstance(c, Change) and c.is_claimed and not c.left_out}
    if len(sure) >= MANY and len({change.verb for change in sure.values()}) == 1:
        low, high = (pick(sure, key=lambda name: abs(sure[name].factor - 1)) for pick in (min, max))
        ends = f"{sure[low].amount} ({low}) to {sure[high].amount} ({high})"
        yield f" {sure[low].verb} by {ends} in {len(sure)} of {len(changes)} runtimes"
        rest = [name for name in changes if name not in sure]
        yield from (f"in {name} {_among(changes[name])}" for name in rest)
        return
    first, *others = changes
    yield f", by runtime: in {first} {_among(changes[first])}"
    yield from (f"in {name} {_among(changes[name])}" for name in others)


def _change(panel: Panel, level: float, name: str) -> Change | str | None:
    """Of a timed column, by its name in the trials table; in words where memory did not suffice."""
    rows, column = measured_structures(panel.at(level)), speed_column(name)
    held, interval = with_values(rows, column), speed_interval(rows, column)
    if not len(held):
        return OUT_OF_MEMORY if absent(rows, name) == OUT_OF_MEMORY else None
    factor = float(np.median(held[column]))
    if name.partition("@")[0] == LATENCY:  # a time is the inverse of a speed, so its interval is turned round
        factor = 1 / factor
        interval = interval and Interval(1 / interval.high, 1 / interval.low)
    return Change(factor, interval, quality(held, name), partly(rows, name))


def _alone(change: Change | str, what: str) -> str:
    if isinstance(change, str):
        return f"The {what} is not known: {change}."
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


def _among(change: Change | str) -> str:
    if isinstance(change, str):
        return f"it is not known: {change}"
    if change.interval is None:
        return f"nothing is said, as it was timed in fewer than {FEWEST_PAIRS} pairs"
    if change.is_unclear:
        return f"a change could not be told from noise ({change.seen})"
    if change.quality != "ok":
        return f"nothing is claimed, as its timing was {change.quality} (a change of {change.seen} was seen)"
    return f"it {change.way}"
