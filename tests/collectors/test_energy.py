"""Energy by a counter that ticks, slows, runs back, leaps, stands still or disappears."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import repeat
from pathlib import Path

import pytest
import torch
from conftest import FakeClock
from fake_nvml import Card, Process, play
from subjects import Costly, Stage, subject_of
from text_subjects import paced
from torch import Tensor

from harness.collectors import energy
from harness.collectors.base import Subject
from harness.collectors.energy import Energy
from harness.collectors.windows import Terms, Ticks, busy_window, chunk_size, tick_length
from harness.gpu_energy import NvmlMeter, open_meter
from harness.meters import CounterError
from harness.rapl import open_rapl
from harness.records import Measurement

HERTZ = os.sysconf("SC_CLK_TCK")
MINE = [Process(os.getpid())]
Measured = Callable[..., tuple[Measurement, Measurement]]


class Hungry(Costly):
    """Takes so many watts above those of the card at rest, while it runs."""

    def __init__(self, name: str, costs: Iterator[float], clock: FakeClock, card: Card, watts: float) -> None:
        super().__init__(name, costs, clock, [])
        self.card, self.watts = card, watts

    def forward(self, inputs: Tensor) -> Tensor:
        before = self.clock.now()
        super().forward(inputs)
        self.card.work_j += self.watts * (self.clock.now() - before)
        return inputs


@pytest.fixture
def measured(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Measured:
    """Energy of a subject on a card: 0.5 s for a step of the baseline, 0.25 s for the candidate's, ten images each."""
    monkeypatch.setattr(time, "sleep", clock.advance)

    def measure(card: Card, subject: Subject | None = None, **options: int) -> tuple[Measurement, Measurement]:
        card = card if card.processes else replace(card, processes=MINE)
        play(monkeypatch, card, now=clock.now)
        with open_meter(card.uuid, None) as meter:
            found = Energy(batch=10, **options).measured(subject or Stage(clock).subject, clock, meter)
        assert tuple(measurement.asked for measurement in found) == Energy(batch=10, **options).asked()
        total, net = found
        return total, net

    return measure


def test_joules_per_image_are_power_by_time_by_images(measured: Measured) -> None:
    found, _ = measured(Card())
    assert found.value == pytest.approx(100 * 0.25 / 10, rel=0.02)
    assert found.samples == pytest.approx([100 * 0.25 / 10] * 3, rel=0.02)
    assert found.baseline_samples == pytest.approx([100 * 0.5 / 10] * 3, rel=0.02)
    assert found.rounds == (0, 1, 2)


def test_joules_per_token_are_of_whole_texts_by_the_tokens_written(measured: Measured, clock: FakeClock) -> None:
    texts = paced(clock, [], iter(lambda: 0.25, None))
    found, _ = measured(Card(), texts, prompt=6, new=4, windows=1)
    assert found.metric == "energy_j_per_token"
    assert found.at == {"batch": 10, "prompt": 6, "new": 4, "windows": 1, "revision": 3}
    assert found.value == pytest.approx(100 * (0.5 + 3 * 0.25) / (10 * 4), rel=0.02)
    assert found.baseline_samples == pytest.approx([100 * (2.0 + 3 * 0.5) / (10 * 4)], rel=0.02)


def test_a_language_model_that_writes_nothing_has_no_energy_per_image() -> None:
    assert "say with new" in Energy().unfit("language_modelling", {})
    assert Energy(new=4).unfit("language_modelling", {}) == Energy().unfit("classification", {}) == ""
    assert "texts are written by language models" in Energy(new=4).unfit("classification", {})


def test_what_the_device_takes_at_rest_is_in_the_total_only(measured: Measured, clock: FakeClock) -> None:
    card = Card(processes=MINE)
    nets = (Hungry("c", repeat(0.25), clock, card, watts=150), Hungry("b", repeat(0.5), clock, card, watts=50))
    total, net = measured(card, subject_of(*nets))
    assert total.details["idle_w"] == pytest.approx(100, rel=0.02)
    assert net.value == pytest.approx(150 * 0.25 / 10, rel=0.03)
    assert net.baseline_samples == pytest.approx([50 * 0.5 / 10] * 3, rel=0.1)
    assert total.value == pytest.approx(250 * 0.25 / 10, rel=0.03)


def test_a_window_lasts_two_seconds_and_holds_fifty_ticks(measured: Measured) -> None:
    for tick_s in (0.02, 0.1):
        details = measured(Card(tick_s=tick_s))[0].details
        assert details["tick_s"] == pytest.approx(tick_s, rel=0.1)
        assert float(str(details["ticks"])) >= 50
        windows = details["window_s"]
        assert isinstance(windows, list)
        assert min(float(str(seconds)) for seconds in windows) >= max(2.0, 49 * tick_s)


def test_a_tick_that_grows_makes_the_window_longer(measured: Measured, clock: FakeClock) -> None:
    def windows(card: Card) -> list[float]:
        steps = (Costly("c", repeat(0.005), clock, []), Costly("b", repeat(0.01), clock, []))
        found = measured(card, subject_of(*steps))[0].details["window_s"]
        assert isinstance(found, list)
        return [float(str(seconds)) for seconds in found]

    assert max(windows(Card())) == pytest.approx(2.0, abs=0.1)
    # Ten times the tick that was probed: fifty of them are ten seconds.
    assert min(windows(Card(slow_at_s=clock.now() + 1.0))) == pytest.approx(10.0, abs=0.5)


def test_the_length_of_a_tick_is_found(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", clock.advance)
    play(monkeypatch, Card(tick_s=0.035), now=clock.now)
    with open_meter("GPU-a", None) as meter:
        assert tick_length(meter, clock) == pytest.approx(0.035, abs=0.001)


def counted(tick_s: float, look_s: float, probed_s: float, length_s: float) -> int:
    """Ticks that are counted by looking every `look_s` at a counter that truly ticks every `tick_s`."""
    ticks = Ticks(probed_s, 0.0, 0.0)
    for look in range(1, int(length_s / look_s) + 1):
        ticks.look(look * look_s, float(int(look * look_s / tick_s + 1e-9)))
    return ticks.count()


# A tick longer than was probed shows itself only where looks are shorter than it.
CASES = [
    (tick_s, look_s, share * tick_s)
    for tick_s in (0.001, 0.01, 0.02, 0.05, 0.1, 0.3)
    for look_s in (0.02, 0.03, 0.2)
    for share in (0.1, 0.5, 1.0)
    if share == 1.0 or look_s < tick_s
]


@pytest.mark.parametrize(("tick_s", "look_s", "probed_s"), CASES)
def test_ticks_are_never_counted_that_were_not_there(tick_s: float, look_s: float, probed_s: float) -> None:
    found = counted(tick_s, look_s, probed_s, 10.0)
    assert 0.4 * 10.0 / max(tick_s, look_s) <= found <= 10.0 / tick_s + 1


def test_steps_longer_than_a_tick_need_no_more_time(measured: Measured) -> None:
    found = measured(Card(tick_s=0.01))[0]
    assert found.details["window_s"] == pytest.approx([2.0] * 3)


@pytest.mark.parametrize("moment_s", [0.0, 6.0, 12.0])
def test_a_counter_that_stands_still_is_null_and_not_zero(measured: Measured, moment_s: float) -> None:
    for found in measured(Card(still_at_s=moment_s)):
        assert (found.value, found.samples) == (None, ())
        assert found.reason == "no_counter: the energy counter did not move within 2 s"


@pytest.mark.parametrize("moment_s", [5.5, 8.0, 12.0])
def test_a_counter_that_runs_back_is_null(measured: Measured, moment_s: float) -> None:
    for found in measured(Card(reset_at_s=moment_s)):
        assert found.value is None
        assert found.reason == "no_counter: the energy counter went back within a window, as after a driver reload"


@pytest.mark.parametrize("moment_s", [5.5, 8.0, 12.0])
def test_a_counter_that_leaps_is_not_believed(measured: Measured, moment_s: float) -> None:
    for found in measured(Card(leap_at_s=moment_s)):
        assert found.value is None
        assert "no_counter: the energy counter jumped" in (found.reason or "")
        assert "the limit is 300 W" in (found.reason or "")


def test_power_up_to_three_times_the_limit_is_believed(measured: Measured) -> None:
    assert measured(Card(limit_w=34.0))[0].value is not None
    assert measured(Card(limit_w=33.0))[0].value is None


@pytest.mark.parametrize("moment_s", [2.0, 3.5, 12.0])
def test_a_gpu_that_is_lost_is_null_with_the_reason(measured: Measured, moment_s: float) -> None:
    for found in measured(Card(lost_at_s=moment_s)):
        assert found.value is None
        assert (found.reason or "").startswith("no_counter: the GPU's ")
        assert "(GPU is lost)" in (found.reason or "")


def test_another_process_on_the_gpu_makes_it_null(measured: Measured) -> None:
    for found in measured(Card(processes=[*MINE, Process(1), Process(2)])):
        assert found.value is None
        assert found.reason == "not_exclusive: 2 other processes on the GPU would be counted in"


@pytest.mark.parametrize("visit", [1, 2, 3, 4, 5])
def test_a_process_that_is_there_before_or_after_any_set_of_windows_makes_it_null(
    measured: Measured, monkeypatch: pytest.MonkeyPatch, visit: int
) -> None:
    answers = iter([0, 0, 0, 0, 0, 0])
    seen: list[str | None] = []

    def others(meter: NvmlMeter) -> str | None:
        next(answers)
        seen.append("a guest" if len(seen) == visit else None)
        return seen[-1]

    monkeypatch.setattr(NvmlMeter, "others", others)
    found, _ = measured(Card())
    assert (found.value, found.reason) == (None, "not_exclusive: a guest")
    assert len(seen) == visit + 1


def test_a_list_of_processes_that_is_denied_is_null(measured: Measured) -> None:
    found, _ = measured(Card(refuses=frozenset({"nvmlDeviceGetComputeRunningProcesses"})))
    assert (found.value, found.reason) == (
        None,
        "no_counter: the GPU's processes cannot be listed (Insufficient Permissions)",
    )


def test_the_power_limit_and_the_counter_are_recorded(measured: Measured) -> None:
    details = measured(Card())[0].details
    assert (details["power_limit_w"], details["counter"]) == (300.0, "NVML total energy")


def test_without_a_limit_energy_is_measured_all_the_same(measured: Measured) -> None:
    found, _ = measured(Card(refuses=frozenset({"nvmlDeviceGetEnforcedPowerLimit"})))
    assert found.value is not None
    assert found.details["power_limit_w"] is None


def test_a_cpu_without_a_counter_gives_no_estimate(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(energy, "open_rapl", partial(open_rapl, root=tmp_path))
    for found in Energy().collect(Stage(clock).subject, clock):
        assert found.value is None
        assert (found.reason or "").startswith("no_counter: the system offers no RAPL counter")


def test_a_step_is_what_the_runtime_executes(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", clock.advance)
    play(monkeypatch, Card(processes=MINE), now=clock.now)
    stage = Stage(clock)
    compiled = Costly("compiled", repeat(0.5), clock, stage.log)
    with open_meter("GPU-a", None) as meter:
        Energy(batch=10).measured(replace(stage.subject, compiled=lambda net: compiled), clock, meter)
    assert set(stage.log) == {"compiled"}


@pytest.mark.parametrize(("step_s", "expected"), [(0.5, 1), (0.02, 1), (0.0099, 2), (0.001, 20), (0.0, 10_000)])
def test_a_look_at_the_counter_comes_about_once_a_tick(step_s: float, expected: int) -> None:
    assert chunk_size(step_s, Terms(2.0, 50, 0.02).look_s) == expected


def test_a_counter_that_fails_in_the_last_read_is_not_forgotten(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    levels = iter([0.0, 5.0, 10.0, 9.0])
    play(monkeypatch, Card(), now=clock.now)
    with open_meter("GPU-a", None) as meter:
        monkeypatch.setattr(meter, "energy_j", lambda: next(levels))
        with pytest.raises(CounterError, match="went back"):
            busy_window(lambda: clock.advance(1.0), 1, Terms(2.0, 2, 0.02), meter, clock)


def test_no_gradient_is_kept_while_energy_is_measured(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", clock.advance)
    modes: list[bool] = []

    class Watched(Costly):
        def forward(self, inputs: Tensor) -> Tensor:
            modes.append(torch.is_inference_mode_enabled())
            return super().forward(inputs)

    play(monkeypatch, Card(processes=MINE), now=clock.now)
    nets = [Watched(name, repeat(0.5), clock, []) for name in ("c", "b")]
    with open_meter("GPU-a", None) as meter:
        Energy(batch=10).measured(subject_of(*nets), clock, meter)
    assert all(modes)


class Processor(FakeClock):
    """Time on a machine of two CPUs with real files: its package takes 30 W, half its time is this process's."""

    def __init__(self, root: Path, other_cpus: float = 0.0) -> None:
        super().__init__()
        self.root, self.other_cpus = root, other_cpus
        place = root / "intel-rapl:0"
        place.mkdir()
        (place / "name").write_text("package-0")
        (place / "max_energy_range_uj").write_text("100000000")
        (place / "constraint_0_power_limit_uw").write_text("65000000")
        self.advance(0.0)

    def advance(self, seconds: float) -> None:
        super().advance(seconds)
        (self.root / "intel-rapl:0/energy_uj").write_text(str(int(30e6 * self.time_s) % 100_000_000))
        busy, idle = (round(share * self.time_s * HERTZ) for share in (1 + self.other_cpus, 1 - self.other_cpus))
        (self.root / "stat").write_text(f"cpu  {busy} 0 0 {idle} 0 0 0 0\ncpu0 0 0 0 0\ncpu1 0 0 0 0\n")

    def answers(self, monkeypatch: pytest.MonkeyPatch) -> tuple[Measurement, ...]:
        monkeypatch.setattr(time, "sleep", self.advance)
        opened = partial(open_rapl, root=self.root, stat=self.root / "stat", own=self.now)
        monkeypatch.setattr(energy, "open_rapl", opened)
        return Energy(batch=10).collect(Stage(self).subject, self)


def test_a_cpu_is_measured_by_its_packages_which_wrap_on_the_way(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    processor = Processor(tmp_path)
    total, net = processor.answers(monkeypatch)
    assert 30 * processor.now() > 4 * 100  # the counter began again four times
    assert total.value == pytest.approx(30 * 0.25 / 10, rel=0.01)
    assert total.baseline_samples == pytest.approx([30 * 0.5 / 10] * 3, rel=0.01)
    assert net.value == pytest.approx(0.0, abs=0.01)
    assert (total.details["counter"], total.details["power_limit_w"]) == ("RAPL package-0", 65.0)


@pytest.mark.parametrize(("other_cpus", "is_alone"), [(0.02, True), (0.2, False)])
def test_other_work_on_the_machine_makes_it_null(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, other_cpus: float, is_alone: bool
) -> None:
    for found in Processor(tmp_path, other_cpus).answers(monkeypatch):
        assert (found.value is not None) is is_alone
        assert is_alone or (found.reason or "").startswith("not_exclusive: other work kept 0.20 CPUs busy")
