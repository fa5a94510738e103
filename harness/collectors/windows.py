"""Energy over a stretch of time: an energy counter moves in ticks, so a window must hold many of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

from harness import heap
from harness.collectors.base import Clock
from harness.device import timed
from harness.meters import CounterError, EnergyMeter

PROBE_TICKS = 5
STANDSTILL_S = 2.0  # a counter that doesn't move for so long is no counter
POLL_S = 0.0005
# Between two looks at the counter: about a tick, so that a tick which has grown shows itself, but not so short that
# looking costs something, nor so long that a tick of ordinary length passes unseen.
SHORTEST_LOOK_S, LONGEST_LOOK_S = 0.02, 0.2
BELIEVED_POWER = 3.0  # times the limit in force: no device takes as much on the mean


@dataclass(frozen=True)
class Terms:
    """What a window must hold at least, the tick as probed, and the limit on the power where one is known."""

    seconds: float
    ticks: int
    tick_s: float
    limit_w: float | None = None

    @property
    def look_s(self) -> float:
        """Seconds of work between two looks at the counter."""
        return min(max(self.tick_s, SHORTEST_LOOK_S), LONGEST_LOOK_S)


@dataclass(frozen=True)
class Window:
    """What the whole device took while `steps` steps ran; `ticks` is a lower bound on those of the counter."""

    joules: float
    seconds: float
    steps: int
    ticks: int

    @property
    def watts(self) -> float:
        """Mean power."""
        return self.joules / self.seconds


@dataclass
class Ticks:
    """Counts the ticks of a counter by looking at it now and then.

    Where a look finds a change, it holds as many ticks as the longest known one fits into the time since the change
    before, and one at least. A look that finds none shows that the tick is longer than thought.
    """

    longest_s: float
    moment: float
    level: float
    gaps_s: list[float] = field(default_factory=list)
    _is_waiting: bool = False

    def look(self, now: float, level: float) -> None:
        """Takes in the counter at a moment; raises CounterError where it went back or stands still."""
        if level < self.level:
            raise CounterError("the energy counter went back within a window, as after a driver reload")
        gap = now - self.moment
        if level == self.level:
            if gap > STANDSTILL_S:
                raise CounterError(f"the energy counter did not move within {STANDSTILL_S:g} s")
            self._is_waiting = True
            return
        if self._is_waiting:
            self.longest_s = max(self.longest_s, gap)
        self.gaps_s.append(gap)
        self.moment, self.level, self._is_waiting = now, level, False

    def count(self) -> int:
        """Ticks seen, at least."""
        return sum(max(1, int(gap / self.longest_s)) for gap in self.gaps_s)


def tick_length(meter: EnergyMeter, clock: Clock) -> float:
    """Seconds between two changes of the counter, the longest of a few; raises CounterError where it stands still."""
    moments: list[float] = []
    begin, last = clock.now(), meter.energy_j()
    while len(moments) <= PROBE_TICKS:
        now, level = clock.now(), meter.energy_j()
        if level != last:
            moments.append(now)
            last = level
        elif now - (moments[-1] if moments else begin) > STANDSTILL_S:
            raise CounterError(f"the energy counter did not move within {STANDSTILL_S:g} s")
        meter.wait(POLL_S)
    return max(later - earlier for earlier, later in pairwise(moments))


def idle_window(terms: Terms, meter: EnergyMeter, clock: Clock) -> Window:
    """What the device takes with everything loaded and nothing to do."""
    return busy_window(lambda: meter.wait(terms.look_s), 1, terms, meter, clock)


def busy_window(step: Callable[[], object], chunk: int, terms: Terms, meter: EnergyMeter, clock: Clock) -> Window:
    """Whole steps, `chunk` of them between two looks, until the terms are met; raises CounterError."""
    begin, before = clock.now(), meter.energy_j()
    ticks = Ticks(terms.tick_s, begin, before)
    now, steps = begin, 0
    while now - begin < terms.seconds or ticks.count() < terms.ticks:
        for _ in range(chunk):
            step()
        steps += chunk
        level = meter.energy_j()  # while a GPU still works: a read after its last step would let it idle
        now = clock.now()
        ticks.look(now, level)
    after = meter.energy_j()
    ticks.look(now, after)
    return _believed(Window(after - before, now - begin, steps, ticks.count()), terms.limit_w)


def _believed(window: Window, limit_w: float | None) -> Window:
    if limit_w is not None and window.watts > BELIEVED_POWER * limit_w:
        raise CounterError(
            f"the energy counter jumped: {window.watts:.0f} W on the mean of a window, and the limit is {limit_w:.0f} W"
        )
    return window


def step_length(step: Callable[[], object], device: str, clock: Clock) -> float:
    """Seconds of a step, after steps that compile and tune."""
    heap.hold()
    timed(step, device, clock, iterations=3)
    return timed(step, device, clock, iterations=3).wall_s


def chunk_size(step_s: float, look_s: float) -> int:
    """How many steps fill the time between two looks at the counter."""
    return max(1, int(look_s / max(step_s, look_s / 10_000)))
