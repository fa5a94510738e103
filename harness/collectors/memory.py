"""Peak memory of a forward pass, above what the process holds at rest."""

from __future__ import annotations

import gc
from collections.abc import Callable
from statistics import median
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from harness.collectors.base import Clock, CostCollector, Subject, collectors
from harness.collectors.generating import Writing
from harness.collectors.guard import nulls
from harness.collectors.params import buffer_bytes, parameter_bytes
from harness.device import PeakMemory, gpu_address
from harness.gpu_state import gpu_state
from harness.host_memory import Peak
from harness.records import Asked, Measurement
from harness.schema import Json

if TYPE_CHECKING:
    from torch import nn

UNMEASURED = 2  # passes of each network: the first compiles, the second may record what later ones replay


@collectors.register("memory")
class Memory(Writing, CostCollector):
    """Bytes that a step takes above the process at rest; weights are at rest, and in the details.

    A step is a forward pass or, with `new`, the writing of texts, whose keys and values are part of what it takes.
    """

    revision: ClassVar[int] = 2  # 1 measured in the trial's own process, after what else it had measured
    in_fresh_process: ClassVar[bool] = True
    reads_one_device: ClassVar[bool] = True

    batch: int = Field(32, ge=1, description="items in a step")
    repeats: int = Field(3, ge=1, description="passes of each network; the value is their median")

    def asked(self) -> tuple[Asked, ...]:
        return (Asked(metric="peak_bytes", at=self.step_at(self.batch)),)

    def collect(self, subject: Subject, clock: Clock) -> tuple[Measurement, ...]:
        misfit = self.step_misfit(subject)
        if misfit is not None:
            return nulls(self.asked(), "noisy", misfit)
        mine, others = self._peaks(subject)
        samples, reason = _seen(mine)
        tainted = _tainted(mine) if samples else None
        baseline, baseline_reason = _seen(others)
        return (
            Measurement(
                metric="peak_bytes",
                unit="B",
                better="lower",
                kind="noisy",
                at=self.step_at(self.batch),
                value=median(samples) if samples else None,
                samples=samples,
                baseline_samples=baseline if samples else (),
                rounds=tuple(range(len(samples))),
                quality="tainted" if tainted else "ok",
                reason=reason or tainted,
                details=_details(mine, subject) | {"baseline_null_because": baseline_reason},
                warnings=(tainted,) if tainted else (),
            ),
        )

    def _peaks(self, subject: Subject) -> tuple[list[Peak], list[Peak]]:
        """Peaks of candidate and baseline in turn, after passes of each that fill what stays."""
        import torch

        gc.collect()
        steps = self.steps(subject, self.batch)
        with torch.inference_mode():
            for step in steps * UNMEASURED:
                step()
            found = [[_peak(step, subject.device) for step in steps] for _ in range(self.repeats)]
        return [mine for mine, _ in found], [other for _, other in found]


def _peak(step: Callable[[], object], device: str) -> Peak:
    with PeakMemory(device) as phase:
        step()
    return phase.peak


def _seen(peaks: list[Peak]) -> tuple[tuple[int, ...], str | None]:
    """Every rise, or none of them and why, as soon as one cannot be seen."""
    reason = next((peak.reason for peak in peaks if peak.reason), None)
    return () if reason else tuple(peak.above_bytes or 0 for peak in peaks), reason


def _tainted(peaks: list[Peak]) -> str | None:
    retries = sum(peak.allocator_retries or 0 for peak in peaks)
    return f"tainted: the allocator had to free its cache {retries} times for want of memory" if retries else None


def _details(peaks: list[Peak], subject: Subject) -> dict[str, Json]:
    last = peaks[-1]
    return {
        "method": last.method,
        "resolution_bytes": last.resolution_bytes,
        "resting_bytes": [peak.resting_bytes for peak in peaks],
        "highest_bytes": [peak.peak_bytes for peak in peaks],
        "reserved_bytes": last.reserved_bytes,
        "allocator_retries": last.allocator_retries,
        "weights_bytes": _weights(subject.candidate),
        "baseline_weights_bytes": _weights(subject.baseline),
        **_by_driver(subject.device),
    }


def _by_driver(device: str) -> dict[str, Json]:
    """For information: what the driver counts for this process and the whole GPU, contexts and libraries included."""
    address = gpu_address(device)
    if address is None:
        return {}
    state = gpu_state(address.uuid, address.bus_id, holds_context=True)
    return {
        "process_bytes": state.own_bytes,
        "device_used_bytes": state.device_used_bytes,
        "device_total_bytes": state.device_total_bytes,
        "is_partitioned": state.is_partitioned,
    }


def _weights(net: nn.Module) -> int:
    return parameter_bytes(net) + buffer_bytes(net)
