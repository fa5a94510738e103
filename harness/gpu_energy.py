"""The energy counter of one GPU, by NVIDIA's management library."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from harness.meters import CounterError
from harness.nvml import MILLI, handle_of, in_watts, is_partitioned, library, strangers, told


class NvmlMeter:
    """The energy counter of one GPU, in joules since its driver was loaded."""

    counter = "NVML total energy"

    def __init__(self, nvml: Any, handle: Any) -> None:
        self._nvml = nvml
        self._handle = handle

    def energy_j(self) -> float:
        """The counter now; raises CounterError when it cannot be read."""
        return (
            float(self._asked(self._nvml.nvmlDeviceGetTotalEnergyConsumption, "energy counter cannot be read")) * MILLI
        )

    def others(self) -> str | None:
        """Processes other than this one, which has used the GPU; raises CounterError when nobody can tell."""
        listed = self._asked(self._nvml.nvmlDeviceGetComputeRunningProcesses, "processes cannot be listed")
        count = strangers((int(process.pid) for process in listed), holds_context=True)
        if count is None:
            raise CounterError("the list of processes on the GPU lacks this one, so that others would go unseen")
        plural = "" if count == 1 else "es"
        return f"{count} other process{plural} on the GPU would be counted in" if count else None

    def power_limit_w(self) -> float | None:
        """The limit in force; it moves energy more than a removal does."""
        return in_watts(told(self._nvml, self._nvml.nvmlDeviceGetEnforcedPowerLimit, self._handle))

    def wait(self, seconds: float) -> None:
        """Lets time pass without work, on the CPU neither."""
        time.sleep(seconds)

    def _asked(self, question: Callable[[Any], Any], otherwise: str) -> Any:
        try:
            return question(self._handle)
        except self._nvml.NVMLError as error:
            raise CounterError(f"the GPU's {otherwise} ({error})") from error


@contextmanager
def open_meter(uuid: str | None, bus_id: str | None) -> Iterator[NvmlMeter]:
    """The meter of the GPU with this UUID or PCI bus id (indices differ from CUDA's); raises CounterError."""
    with library() as nvml:
        if nvml is None:
            raise CounterError("NVIDIA's management library or its Python binding nvidia-ml-py is absent")
        handle = handle_of(nvml, uuid, bus_id)
        if handle is None:
            raise CounterError(
                "the management library does not know the GPU that torch uses, as with a partition (MIG)"
            )
        if is_partitioned(nvml, handle):
            raise CounterError("the GPU is partitioned (MIG), and its counter covers all partitions")
        meter = NvmlMeter(nvml, handle)
        meter.energy_j()
        yield meter
