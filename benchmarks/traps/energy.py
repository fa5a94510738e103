"""Traps of energy: no counter is not zero, and a counter that ticks says nothing about a short window."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.traps.spreads import rounded, spread
from harness.collectors.windows import Terms, busy_window, tick_length
from harness.meters import CounterError
from harness.rapl import open_rapl
from harness.schema import Json

WATTS = 100.0
PHASES = 200


@dataclass
class Played:
    """A counter of a device that takes 100 W, shown once per tick; its time goes on when it is told to."""

    tick_s: float
    time_s: float = 0.0

    counter = "played"

    def now(self) -> float:
        """Its own time."""
        return self.time_s

    def energy_j(self) -> float:
        """Joules as of the last tick."""
        return WATTS * self.tick_s * int(self.time_s / self.tick_s)

    def others(self) -> str | None:
        """Nobody."""
        return None

    def power_limit_w(self) -> float | None:
        """None is told."""
        return None

    def wait(self, seconds: float) -> None:
        """Moves its time on."""
        self.time_s += seconds


def on_this_cpu() -> Json:
    """What an energy counter of this CPU says, or why there is none."""
    try:
        meter = open_rapl(1)
    except CounterError as error:
        return {"value": None, "reason": f"no_counter: {error}"}
    return {"counter": meter.counter, "power_limit_w": meter.power_limit_w()}


def short_windows() -> Json:
    """Played, not measured: windows from all phases of a tick of 0.1 s, by reading before and after."""
    found: dict[str, Json] = {}
    for length_s in (0.03, 0.25, 2.03):
        read = [_naive(phase / PHASES, length_s) / (WATTS * length_s) for phase in range(PHASES)]
        zeros = sum(share == 0 for share in read)
        found[f"window_{length_s:g}_s"] = {"read_over_true": spread(read), "share_that_reads_0": zeros / PHASES}
    ours = [_ours(phase / PHASES) for phase in range(PHASES)]
    return {"tick_s": 0.1, "watts": WATTS, **found, "as_a_study_does": spread(ours)}


def _naive(phase: float, length_s: float) -> float:
    played = Played(0.1, 10 + 0.1 * phase)
    before = played.energy_j()
    played.wait(length_s)
    return played.energy_j() - before


def _ours(phase: float) -> float:
    """Read over true, with the tick probed and a window of at least 2 s and 50 ticks."""
    played = Played(0.1, 10 + 0.1 * phase)
    terms = Terms(2.0, 50, tick_length(played, played))
    window = busy_window(lambda: played.wait(0.013), 7, terms, played, played)
    return rounded(window.watts / WATTS)


TRAPS = {"on_this_cpu": on_this_cpu, "short_windows": short_windows}
