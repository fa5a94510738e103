"""What every energy counter gives, whatever device it belongs to."""

from __future__ import annotations

from typing import Protocol


class CounterError(Exception):
    """There is no energy counter to read, or no longer, or it cannot be believed; the message says why."""


class EnergyMeter(Protocol):
    """A counter of joules that never falls; every method but `wait` may raise CounterError."""

    @property
    def counter(self) -> str:
        """Which counter it is, as `NVML total energy`."""

    def energy_j(self) -> float:
        """Joules since some moment."""

    def others(self) -> str | None:
        """Who else is counted in, now or since the last call; None: nobody."""

    def power_limit_w(self) -> float | None:
        """The limit in force on what is counted; None where it is not told."""

    def wait(self, seconds: float) -> None:
        """Lets time pass without work."""
