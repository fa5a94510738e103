"""The state of one GPU at one moment: its clocks, what holds them back, its power, who uses it and how much of it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.nvml import as_text, handle_of, in_watts, is_partitioned, library, strangers, told

UUID_DIGITS = 12
POWER_CAP = "software power cap"  # the reason that stands for the card's own power limit, its usual state at full load


@dataclass(frozen=True)
class GpuState:
    """What the driver tells about a GPU, without its serial number or address; None is what it does not tell.

    `throttle_reasons` are those that hold the clock back now: heat, power or the board's protection; a GPU that idles
    or runs at clocks that somebody set (`are_clocks_set`) is not throttled. `own_bytes` is this process as the driver
    sees it, context and libraries included. `is_partitioned` (MIG) is also None on a card that cannot be. `uuid_digest`
    tells one card from another and leads back to none.
    """

    name: str | None = None
    capability: str | None = None
    uuid_digest: str | None = None
    sm_clock_mhz: int | None = None
    sm_clock_max_mhz: int | None = None
    memory_clock_mhz: int | None = None
    memory_clock_max_mhz: int | None = None
    temperature_c: int | None = None
    throttle_reasons: tuple[str, ...] | None = None
    are_clocks_set: bool | None = None
    power_w: float | None = None
    power_limit_w: float | None = None
    is_persistent: bool | None = None
    is_partitioned: bool | None = None
    foreign_processes: int | None = None
    own_bytes: int | None = None
    device_used_bytes: int | None = None
    device_total_bytes: int | None = None


def gpu_state(uuid: str | None, bus_id: str | None, holds_context: bool = False) -> GpuState:
    """The state now, of the GPU with this UUID or PCI bus id; nothing is told where library or GPU is gone.

    `holds_context`: this process has used the GPU, which in a container helps to tell its own entry from others'.
    """
    with library() as nvml:
        handle = None if nvml is None else handle_of(nvml, uuid, bus_id)
        return GpuState() if nvml is None or handle is None else _state(nvml, handle, holds_context)


def _state(nvml: Any, handle: Any, holds_context: bool) -> GpuState:
    name, serial = told(nvml, nvml.nvmlDeviceGetName, handle), told(nvml, nvml.nvmlDeviceGetUUID, handle)
    capability = told(nvml, nvml.nvmlDeviceGetCudaComputeCapability, handle)
    reasons = told(nvml, nvml.nvmlDeviceGetCurrentClocksThrottleReasons, handle)
    persistence = told(nvml, nvml.nvmlDeviceGetPersistenceMode, handle)
    processes = told(nvml, nvml.nvmlDeviceGetComputeRunningProcesses, handle)
    memory = told(nvml, nvml.nvmlDeviceGetMemoryInfo, handle)
    return GpuState(
        name=None if name is None else as_text(name),
        capability=None if capability is None else ".".join(map(str, capability)),
        uuid_digest=None if serial is None else uuid_digest(as_text(serial)),
        sm_clock_mhz=told(nvml, nvml.nvmlDeviceGetClockInfo, handle, nvml.NVML_CLOCK_SM),
        sm_clock_max_mhz=told(nvml, nvml.nvmlDeviceGetMaxClockInfo, handle, nvml.NVML_CLOCK_SM),
        memory_clock_mhz=told(nvml, nvml.nvmlDeviceGetClockInfo, handle, nvml.NVML_CLOCK_MEM),
        memory_clock_max_mhz=told(nvml, nvml.nvmlDeviceGetMaxClockInfo, handle, nvml.NVML_CLOCK_MEM),
        temperature_c=told(nvml, nvml.nvmlDeviceGetTemperature, handle, nvml.NVML_TEMPERATURE_GPU),
        throttle_reasons=None if reasons is None else _throttles(nvml, reasons),
        are_clocks_set=None
        if reasons is None
        else bool(reasons & nvml.nvmlClocksThrottleReasonApplicationsClocksSetting),
        power_w=in_watts(told(nvml, nvml.nvmlDeviceGetPowerUsage, handle)),
        power_limit_w=in_watts(told(nvml, nvml.nvmlDeviceGetEnforcedPowerLimit, handle)),
        is_persistent=None if persistence is None else bool(persistence == nvml.NVML_FEATURE_ENABLED),
        is_partitioned=is_partitioned(nvml, handle),
        foreign_processes=None if processes is None else strangers([int(p.pid) for p in processes], holds_context),
        own_bytes=None if processes is None else _own_bytes(processes, holds_context),
        device_used_bytes=None if memory is None else int(memory.used),
        device_total_bytes=None if memory is None else int(memory.total),
    )


def uuid_digest(uuid: str) -> str:
    """The first hex digits of the SHA-256 of a GPU's UUID as the driver spells it (`GPU-...`)."""
    return hashlib.sha256(uuid.encode()).hexdigest()[:UUID_DIGITS]


def _throttles(nvml: Any, reasons: int) -> tuple[str, ...]:
    words = {
        nvml.nvmlClocksThrottleReasonHwThermalSlowdown: "hardware thermal slowdown",
        nvml.nvmlClocksThrottleReasonSwThermalSlowdown: "software thermal slowdown",
        nvml.nvmlClocksThrottleReasonHwPowerBrakeSlowdown: "hardware power brake",
        nvml.nvmlClocksThrottleReasonSwPowerCap: POWER_CAP,
        nvml.nvmlClocksThrottleReasonHwSlowdown: "hardware slowdown",
    }
    return tuple(word for bit, word in words.items() if reasons & bit)


def _own_bytes(processes: Sequence[Any], holds_context: bool) -> int | None:
    mine = [process for process in processes if process.pid == os.getpid()]
    if not mine and holds_context and len(processes) == 1:
        mine = [*processes]  # in a container, where ids are those of the host: only this process can be meant
    used = [process.usedGpuMemory for process in mine]
    return None if not used or None in used else sum(map(int, used))
