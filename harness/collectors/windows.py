"""Energy over a stretch of time: an energy counter moves in ticks, so a window must hold many of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from harness.collectors.base import Clock
from harness.device import timed
from harness.nvml import CounterError

PROBE_TICKS = 5
PROBE_LIMIT_S = 2.0
CHUNK_S = 0.2  # steps are launched in chunks of about this length, so that asking for the time doesn't idle the GPU


class EnergyMeter(Protocol):
    """A counter of joules; every method but `wait` may raise CounterError."""

    def energy_j(self) -> float: ...

    def foreign_processes(self) -> int: ...

    def power_limit_w(self) -> float | None: ...

    def wait(self, seconds: float) -> None: ...


@dataclass(frozen=True)
class Window:
    """What the whole GPU took while `steps` steps ran."""

    joules: float
    seconds: float
    steps: int = 0

    @property
    def watts(self) -> float:
        """Mean power."""
        return self.joules / self.seconds


def tick_length(meter: EnergyMeter, clock: Clock) -> float:
    """Seconds between two changes of the counter, the longest of a few; raises CounterError where it stands still."""
    moments: list[float] = []
    begin, last = clock.now(), meter.energy_j()
    while len(moments) <= PROBE_TICKS:
        now, level = clock.now(), meter.energy_j()
        if level != last:
            moments.append(now)
            last = level
        elif now - (moments[-1] if moments else begin) > PROBE_LIMIT_S:
            raise CounterError(f"the GPU's energy counter did not move within {PROBE_LIMIT_S:g} s")
        meter.wait(0.0005)
    return max(later - earlier for earlier, later in pairwise(moments))


def idle_window(seconds: float, meter: EnergyMeter, clock: Clock) -> Window:
    """What the GPU takes with everything loaded and nothing to do."""
    begin, before = clock.now(), meter.energy_j()
    meter.wait(seconds)
    return _closed(begin, before, 0, meter, clock)


def busy_window(step: Callable[[], object], chunk: int, seconds: float, meter: EnergyMeter, clock: Clock) -> Window:
    """Whole steps for at least so long."""
    begin, before = clock.now(), meter.energy_j()
    steps = 0
    while clock.now() - begin < seconds:
        for _ in range(chunk):
            step()
        steps += chunk
    return _closed(begin, before, steps, meter, clock)


def chunk_size(step: Callable[[], object], device: str, clock: Clock) -> int:
    """How many steps fill a chunk, after steps that compile and tune."""
    timed(step, device, clock, iterations=3)
    return max(1, int(CHUNK_S / max(timed(step, device, clock, iterations=3).wall_s, CHUNK_S / 10_000)))


def _closed(begin: float, before: float, steps: int, meter: EnergyMeter, clock: Clock) -> Window:
    seconds = clock.now() - begin
    joules = meter.energy_j() - before
    if joules <= 0:
        raise CounterError(
            "the GPU's energy counter stood still or went back within a window, as after a driver reload"
        )
    return Window(joules, seconds, steps)
