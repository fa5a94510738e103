"""Joules per image, from the GPU's own counter."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from statistics import mean

from pydantic import Field

from harness.collectors.base import Clock, CostCollector, Subject, collectors
from harness.collectors.identities import at_batch
from harness.collectors.windows import EnergyMeter, Window, busy_window, chunk_size, idle_window, tick_length
from harness.device import gpu_address
from harness.nvml import CounterError, open_meter
from harness.records import Asked, Measurement
from harness.schema import Json, Options


@collectors.register("energy")
class Energy(CostCollector):
    """Joules of the whole GPU per image, over windows of whole batches; null without a counter, never an estimate."""

    batch: int = Field(32, ge=1, description="images in a step")
    windows: int = Field(3, ge=1, description="windows of each network, in turn")
    window_s: float = Field(2.0, gt=0, description="shortest window")
    ticks: int = Field(50, ge=2, description="fewest ticks of the counter in a window")

    def asked(self) -> tuple[Asked, ...]:
        return (Asked(metric="energy_j_per_image", at=self._at()),)

    def collect(self, subject: Subject, clock: Clock) -> tuple[Measurement, ...]:
        address = gpu_address(subject.device)
        if address is None:
            return (self._absent("no_counter: the device is a CPU, and its energy counter is not open to users"),)
        try:
            with open_meter(address.uuid, address.bus_id) as meter:
                return (self.measured(subject, clock, meter),)
        except CounterError as error:
            return (self._absent(f"no_counter: {error}"),)

    def measured(self, subject: Subject, clock: Clock, meter: EnergyMeter) -> Measurement:
        """The measurement with a given meter; a counter that fails on the way gives null with the reason."""
        try:
            others = meter.foreign_processes()
            if others:
                return self._absent(_not_alone(others))
            found = self._windows(subject, clock, meter)
            others = meter.foreign_processes()
        except CounterError as error:
            return self._absent(f"no_counter: {error}")
        return self._absent(_not_alone(others)) if others else found

    def _windows(self, subject: Subject, clock: Clock, meter: EnergyMeter) -> Measurement:
        import torch

        with torch.inference_mode():
            inputs = subject.example(self.batch)
            mine, other = (partial(subject.task.forward, net, inputs) for net in (subject.candidate, subject.baseline))
            chunks = [chunk_size(step, subject.device, clock) for step in (other, mine)]
            tick_s = tick_length(meter, clock)
            seconds = max(self.window_s, self.ticks * tick_s)
            idle = idle_window(seconds, meter, clock)
            pairs = [
                [
                    busy_window(step, chunk, seconds, meter, clock)
                    for step, chunk in zip((other, mine), chunks, strict=True)
                ]
                for _ in range(self.windows)
            ]
        baseline, candidate = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        details: dict[str, Json] = {
            "tick_s": tick_s,
            "ticks": int(min(window.seconds for window in candidate) / tick_s),
            "window_s": [window.seconds for window in candidate],
            "idle_w": idle.watts,
            "mean_w": mean(window.watts for window in candidate),
            "net_j_per_image": self._per_image(candidate, idle.watts),
            "baseline_net_j_per_image": self._per_image(baseline, idle.watts),
            "power_limit_w": meter.power_limit_w(),
        }
        return Measurement(
            metric="energy_j_per_image",
            unit="J",
            better="lower",
            kind="noisy",
            at=self._at(),
            value=self._per_image(candidate),
            samples=tuple(self._per_image([window]) for window in candidate),
            baseline_samples=tuple(self._per_image([window]) for window in baseline),
            rounds=tuple(range(self.windows)),
            details=details,
        )

    def _per_image(self, windows: Sequence[Window], idle_w: float = 0.0) -> float:
        """All joules by all images; `idle_w` is taken off for the net figure."""
        joules = sum(window.joules - idle_w * window.seconds for window in windows)
        return joules / (self.batch * sum(window.steps for window in windows))

    def _absent(self, reason: str) -> Measurement:
        return Measurement(
            metric="energy_j_per_image",
            unit="J",
            better="lower",
            kind="noisy",
            at=self._at(),
            value=None,
            reason=reason,
        )

    def _at(self) -> Options:
        return at_batch(self, self.batch)


def _not_alone(others: int) -> str:
    return f"not_exclusive: {others} other process{'' if others == 1 else 'es'} on the GPU would be counted in"
