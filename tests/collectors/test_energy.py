"""Energy by a counter that ticks, runs back, stands still or disappears."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from conftest import FakeClock
from subjects import Stage

from harness.collectors.energy import Energy
from harness.collectors.windows import tick_length
from harness.nvml import CounterError
from harness.records import Measurement


@dataclass
class FakeMeter:
    """A GPU of constant power whose counter moves every `tick_s`."""

    clock: FakeClock
    watts: float = 100.0
    tick_s: float = 0.02
    foreign: int = 0
    lost_after_s: float = float("inf")
    wraps_after_s: float = float("inf")

    def energy_j(self) -> float:
        now = self.clock.now()
        if now > self.lost_after_s:
            raise CounterError("the GPU is gone")
        ticks = int(now / self.tick_s + 1e-9)
        return self.watts * self.tick_s * ticks - (1e9 if now > self.wraps_after_s else 0.0)

    def foreign_processes(self) -> int:
        return self.foreign

    def power_limit_w(self) -> float | None:
        return 300.0

    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)


def measured(clock: FakeClock, meter: FakeMeter, **options: int) -> Measurement:
    return Energy(batch=10, **options).measured(Stage(clock).subject, clock, meter)


def test_joules_per_image_are_power_by_time_by_images(clock: FakeClock) -> None:
    found = measured(clock, FakeMeter(clock))
    assert found.value == pytest.approx(100 * 0.25 / 10, rel=0.02)
    assert found.baseline_samples == pytest.approx([100 * 0.5 / 10] * 3, rel=0.02)
    assert len(found.samples) == 3


def test_what_the_idle_gpu_takes_is_in_the_net_figure_only(clock: FakeClock) -> None:
    found = measured(clock, FakeMeter(clock))
    assert found.details["idle_w"] == pytest.approx(100, rel=0.02)
    assert found.details["net_j_per_image"] == pytest.approx(0, abs=0.05)


def test_a_window_holds_enough_ticks(clock: FakeClock) -> None:
    found = measured(clock, FakeMeter(clock, tick_s=0.1), ticks=50)
    assert found.details["tick_s"] == pytest.approx(0.1, rel=0.02)
    windows = found.details["window_s"]
    assert isinstance(windows, list)
    assert min(float(str(seconds)) for seconds in windows) >= 50 * 0.0999


def test_the_length_of_a_tick_is_found(clock: FakeClock) -> None:
    assert tick_length(FakeMeter(clock, tick_s=0.035), clock) == pytest.approx(0.035, abs=0.001)


def test_a_counter_that_stands_still_is_null_and_not_zero(clock: FakeClock) -> None:
    found = measured(clock, FakeMeter(clock, watts=0.0))
    assert found.value is None
    assert found.reason == "no_counter: the GPU's energy counter did not move within 2 s"


@pytest.mark.parametrize("moment_s", [5.5, 8.0, 12.0])
def test_a_counter_that_runs_back_is_null(clock: FakeClock, moment_s: float) -> None:
    found = measured(clock, FakeMeter(clock, wraps_after_s=moment_s))
    assert found.value is None
    assert "went back" in (found.reason or "")


@pytest.mark.parametrize("moment_s", [0.0, 3.5, 12.0])
def test_a_counter_that_disappears_is_null_with_the_reason(clock: FakeClock, moment_s: float) -> None:
    found = measured(clock, FakeMeter(clock, lost_after_s=moment_s))
    assert (found.value, found.reason) == (None, "no_counter: the GPU is gone")


def test_another_process_on_the_gpu_makes_it_null(clock: FakeClock) -> None:
    found = measured(clock, FakeMeter(clock, foreign=2))
    assert found.value is None
    assert found.reason == "not_exclusive: 2 other processes on the GPU would be counted in"


def test_a_process_that_comes_meanwhile_makes_it_null(clock: FakeClock) -> None:
    @dataclass
    class Visited(FakeMeter):
        def foreign_processes(self) -> int:
            return 1 if self.clock.now() > 1 else 0

    assert "not_exclusive: 1 other process " in (measured(clock, Visited(clock)).reason or "")


def test_a_cpu_has_no_counter_and_no_estimate(clock: FakeClock) -> None:
    (found,) = Energy().collect(Stage(clock).subject, clock)
    assert found.value is None
    assert (found.reason or "").startswith("no_counter: the device is a CPU")


def test_the_power_limit_is_recorded(clock: FakeClock) -> None:
    assert measured(clock, replace(FakeMeter(clock))).details["power_limit_w"] == 300.0
