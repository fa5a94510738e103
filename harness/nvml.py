"""How NVIDIA's management library is asked: which GPUs there are, who computes on them, and what if it won't tell."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOST_PID_NAMESPACE = 0xEFFFFFFC  # the inode that Linux gives its first namespace of process ids
MILLI = 1e-3


@dataclass(frozen=True)
class Gpu:
    """A physical GPU, without its serial number or address; None is what its driver does not tell."""

    name: str
    memory_bytes: int | None
    capability: str | None


@contextmanager
def library() -> Iterator[Any | None]:
    """The `pynvml` module, initialised; None where the package or the driver is absent."""
    try:
        pynvml: Any = importlib.import_module("pynvml")
    except ImportError:
        yield None
        return
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        yield None
        return
    try:
        yield pynvml
    finally:
        with suppress(pynvml.NVMLError):  # a GPU that was lost meanwhile
            pynvml.nvmlShutdown()


def gpus() -> tuple[Gpu, ...]:
    """Every GPU that this process may see, in the order of the library (not that of CUDA)."""
    with library() as nvml:
        return () if nvml is None else tuple(_gpu(nvml, handle) for handle in _handles(nvml) or ())


def uuid_at(number: int) -> str | None:
    """UUID of the GPU with this number in the order of the library, which is CUDA's where all GPUs are of one kind."""
    with library() as nvml:
        handle = None if nvml is None else told(nvml, nvml.nvmlDeviceGetHandleByIndex, number)
        found = None if nvml is None or handle is None else told(nvml, nvml.nvmlDeviceGetUUID, handle)
        return None if found is None else as_text(found)


def driver() -> str | None:
    """Version of the NVIDIA driver; None where there is none."""
    with library() as nvml:
        version = None if nvml is None else told(nvml, nvml.nvmlSystemGetDriverVersion)
        return None if version is None else as_text(version)


def foreign_processes() -> int | None:
    """Processes other than this one that compute on any GPU; None where nobody can tell."""
    with library() as nvml:
        handles = None if nvml is None else _handles(nvml)
        if nvml is None or handles is None:
            return None
        pids: set[int] = set()  # over all GPUs: a process that computes on two of them is one
        for handle in handles:
            listed = told(nvml, nvml.nvmlDeviceGetComputeRunningProcesses, handle)
            if listed is None:
                return None
            pids |= {int(process.pid) for process in listed}
    return strangers(pids)


def strangers(pids: Iterable[int], holds_context: bool = False) -> int | None:
    """How many of the processes that the library lists are not this one; None where nobody can tell.

    `holds_context`: this process has used the GPU, so one of the ids is its own. Inside a container ids are those of
    the host; a list on which this process is missing hides others as well.
    """
    listed = list(pids)
    others = [pid for pid in listed if pid != os.getpid()]
    if len(others) < len(listed):
        return len(others)
    if holds_context:
        return len(listed) - 1 if listed else None
    return len(others) if not others or _has_host_ids() else None


def handle_of(nvml: Any, uuid: str | None, bus_id: str | None) -> Any | None:
    """The library's handle of a GPU, by UUID or else by PCI bus id; None where it knows neither."""
    for look_up, address in ((nvml.nvmlDeviceGetHandleByUUID, uuid), (nvml.nvmlDeviceGetHandleByPciBusId, bus_id)):
        found = None if address is None else told(nvml, look_up, address)
        if found is not None:
            return found
    return None


def is_partitioned(nvml: Any, handle: Any) -> bool | None:
    """Whether the handle is a partition (MIG), or a GPU that is cut into some; None where the card has no answer."""
    if told(nvml, nvml.nvmlDeviceIsMigDeviceHandle, handle):
        return True
    mode = told(nvml, nvml.nvmlDeviceGetMigMode, handle)  # a GPU that cannot be partitioned does not know the question
    return None if mode is None else bool(mode[0] == nvml.NVML_DEVICE_MIG_ENABLE)


def told(nvml: Any, question: Callable[..., Any], *about: Any) -> Any | None:
    """The library's answer; None where it has none, whatever the reason."""
    try:
        return question(*about)
    except nvml.NVMLError:
        return None


def in_watts(milliwatts: float | None) -> float | None:
    """From the library's unit of power."""
    return None if milliwatts is None else float(milliwatts) * MILLI


def as_text(value: str | bytes) -> str:
    """A name as the library gives it, in older versions as bytes."""
    return value.decode() if isinstance(value, bytes) else value


def _has_host_ids() -> bool:
    """Whether process ids here are those of the host, which the library speaks in (not so in a container)."""
    try:
        return Path("/proc/self/ns/pid").stat().st_ino == HOST_PID_NAMESPACE
    except OSError:
        return True


def _handles(nvml: Any) -> list[Any] | None:
    """The GPUs that can be spoken to; None where not even their number is told."""
    count = told(nvml, nvml.nvmlDeviceGetCount)
    if count is None:
        return None
    found = [told(nvml, nvml.nvmlDeviceGetHandleByIndex, index) for index in range(count)]
    return [handle for handle in found if handle is not None]


def _gpu(nvml: Any, handle: Any) -> Gpu:
    name = told(nvml, nvml.nvmlDeviceGetName, handle)
    memory = told(nvml, nvml.nvmlDeviceGetMemoryInfo, handle)  # not told where GPU and CPU share their memory
    capability = told(nvml, nvml.nvmlDeviceGetCudaComputeCapability, handle)
    return Gpu(
        "unknown" if name is None else as_text(name),
        None if memory is None else int(memory.total),
        None if capability is None else ".".join(map(str, capability)),
    )
