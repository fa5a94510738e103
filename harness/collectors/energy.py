"""Joules per image, from the device's own counter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from statistics import mean
from typing import ClassVar

from pydantic import Field

from harness.collectors.base import Clock, CostCollector, Subject, collectors
from harness.collectors.generating import Writing
from harness.collectors.windows import Terms, Window, busy_window, chunk_size, idle_window, step_length, tick_length
from harness.device import arithmetic, gpu_address
from harness.gpu_energy import open_meter
from harness.meters import CounterError, EnergyMeter
from harness.rapl import open_rapl
from harness.records import Asked, Measurement
from harness.schema import Json
from harness.tasks.language_modelling import LanguageModelling

TOTAL, NET = "energy_j_per_image", "net_energy_j_per_image"
OF_TOKENS = {TOTAL: "energy_j_per_token", NET: "net_energy_j_per_token"}


class NotAloneError(Exception):
    """The counter counts somebody else's work in; the message says whose."""


@dataclass(frozen=True)
class Taken:
    """What the device took at rest and, in turn, for the baseline and for the candidate."""

    idle: Window
    baseline: tuple[Window, ...]
    candidate: tuple[Window, ...]
    terms: Terms


@collectors.register("energy")
class Energy(Writing, CostCollector):
    """Joules per image of the whole GPU, or of the CPU's packages and memory, over windows of whole batches.

    Also net of what the device takes at rest with everything loaded. Null without a counter, with one that cannot be
    believed and where others are counted in; never an estimate.
    With `new`, joules per token that is written, those of reading the prompt included.
    """

    revision: ClassVar[int] = 3  # 1 gave no net energy, and believed the probed tick; 2 let the system take memory back
    reads_one_device: ClassVar[bool] = True

    batch: int = Field(32, ge=1, description="images in a step")
    windows: int = Field(3, ge=1, description="windows of each network, in turn")
    window_s: float = Field(2.0, gt=0, description="shortest window")
    ticks: int = Field(50, ge=2, description="fewest ticks of the counter in a window")

    def asked(self) -> tuple[Asked, ...]:
        return tuple(Asked(metric=self._named(metric), at=self.step_at(self.batch)) for metric in (TOTAL, NET))

    def unfit(self, task: str, limits: Mapping[str, int]) -> str:
        if not self.new and task == LanguageModelling.name:
            return "energy of a language model is per token that it writes; say with new how many a step has"
        return super().unfit(task, limits)

    def collect(self, subject: Subject, clock: Clock) -> tuple[Measurement, ...]:
        misfit = self.step_misfit(subject)
        if misfit is not None:
            return self._absent(misfit)
        try:
            with _meter(subject.device) as meter:
                return self.measured(subject, clock, meter)
        except CounterError as error:
            return self._absent(f"no_counter: {error}")

    def measured(self, subject: Subject, clock: Clock, meter: EnergyMeter) -> tuple[Measurement, ...]:
        """Both measurements with a given meter; one that fails on the way gives nulls with the reason."""
        try:
            taken = self._taken(subject, clock, meter)
        except CounterError as error:
            return self._absent(f"no_counter: {error}")
        except NotAloneError as error:
            return self._absent(f"not_exclusive: {error}")
        details = _details(taken, meter)
        return tuple(self._found(metric, taken, details) for metric in (TOTAL, NET))

    def _taken(self, subject: Subject, clock: Clock, meter: EnergyMeter) -> Taken:
        import torch

        _check_alone(meter)
        with torch.inference_mode():
            candidate_step, baseline_step = self.steps(subject, self.batch)
            steps = [baseline_step, candidate_step]
            lengths = [step_length(step, subject.device, clock) for step in steps]
            tick_s = tick_length(meter, clock)
            terms = Terms(self.window_s, self.ticks, tick_s, meter.power_limit_w())
            _check_alone(meter)
            idle = idle_window(terms, meter, clock)
            _check_alone(meter)
            chunks = [chunk_size(length, terms.look_s) for length in lengths]
            rounds: list[list[Window]] = []
            for _ in range(self.windows):
                pairs = zip(steps, chunks, strict=True)
                rounds.append([busy_window(step, chunk, terms, meter, clock) for step, chunk in pairs])
                _check_alone(meter)
        baseline, candidate = zip(*rounds, strict=True)
        return Taken(idle, baseline, candidate, terms)

    def _found(self, metric: str, taken: Taken, details: dict[str, Json]) -> Measurement:
        idle_w = taken.idle.watts if metric == NET else 0.0
        return Measurement(
            metric=self._named(metric),
            unit="J",
            better="lower",
            kind="noisy",
            at=self.step_at(self.batch),
            value=self._per_item(taken.candidate, idle_w),
            samples=tuple(self._per_item([window], idle_w) for window in taken.candidate),
            baseline_samples=tuple(self._per_item([window], idle_w) for window in taken.baseline),
            rounds=tuple(range(self.windows)),
            details=details,
        )

    def _per_item(self, windows: Sequence[Window], idle_w: float) -> float:
        """All joules by all images, or tokens written; `idle_w` is taken off for the net figure."""
        joules = sum(window.joules - idle_w * window.seconds for window in windows)
        return joules / (self.batch * max(self.new, 1) * sum(window.steps for window in windows))

    def _absent(self, reason: str) -> tuple[Measurement, ...]:
        return tuple(
            Measurement(metric=a.metric, unit="J", better="lower", kind="noisy", at=a.at, value=None, reason=reason)
            for a in self.asked()
        )

    def _named(self, metric: str) -> str:
        return OF_TOKENS[metric] if self.new else metric


def _meter(device: str) -> AbstractContextManager[EnergyMeter]:
    address = gpu_address(device)
    if address is None:
        return nullcontext(open_rapl(arithmetic(device).threads))
    return open_meter(address.uuid, address.bus_id)


def _check_alone(meter: EnergyMeter) -> None:
    others = meter.others()
    if others:
        raise NotAloneError(others)


def _details(taken: Taken, meter: EnergyMeter) -> dict[str, Json]:
    return {
        "counter": meter.counter,
        "tick_s": taken.terms.tick_s,
        "ticks": min(window.ticks for window in (*taken.baseline, *taken.candidate)),
        "window_s": [window.seconds for window in taken.candidate],
        "baseline_window_s": [window.seconds for window in taken.baseline],
        "steps": [window.steps for window in taken.candidate],
        "idle_w": taken.idle.watts,
        "idle_window_s": taken.idle.seconds,
        "mean_w": mean(window.watts for window in taken.candidate),
        "baseline_mean_w": mean(window.watts for window in taken.baseline),
        "power_limit_w": taken.terms.limit_w,
    }
