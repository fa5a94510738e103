"""The one reader of NVIDIA's management library: which GPUs there are, who computes on them, what they have used."""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOST_PID_NAMESPACE = 0xEFFFFFFC  # the inode that Linux gives its first namespace of process ids


class CounterError(Exception):
    """There is no energy counter to read, or no longer; the message says why."""


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
        pynvml.nvmlShutdown()


def gpus() -> tuple[Gpu, ...]:
    """Every GPU that this process may see, in the order of the library (not that of CUDA)."""
    with library() as nvml:
        return () if nvml is None else tuple(_gpu(nvml, handle) for handle in _handles(nvml))


def driver() -> str | None:
    """Version of the NVIDIA driver; None where there is none."""
    with library() as nvml:
        version = None if nvml is None else _ask(nvml, nvml.nvmlSystemGetDriverVersion)
        return None if version is None else _text(version)


def foreign_processes() -> int | None:
    """Processes other than this one that compute on any GPU; None where nobody can tell."""
    with library() as nvml:
        if nvml is None:
            return None
        try:
            others = set().union(*(_pids(nvml, handle) for handle in _handles(nvml)))
        except nvml.NVMLError:
            return None
        return len(others) if _has_host_ids() or not others else None


class NvmlMeter:
    """The energy counter of one GPU, in joules since its driver was loaded."""

    def __init__(self, nvml: Any, handle: Any) -> None:
        self._nvml = nvml
        self._handle = handle

    def energy_j(self) -> float:
        """The counter now; raises CounterError when it cannot be read."""
        try:
            return float(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle)) / 1000
        except self._nvml.NVMLError as error:
            raise CounterError(f"the GPU's energy counter cannot be read ({error})") from error

    def foreign_processes(self) -> int:
        """Processes other than this one, which has used the GPU; raises CounterError when nobody can tell."""
        try:
            others = len(_pids(self._nvml, self._handle))
        except self._nvml.NVMLError as error:
            raise CounterError(f"the processes on the GPU cannot be listed ({error})") from error
        # In a container one of the ids is this process's own, spelled as the host does.
        return others if _has_host_ids() else max(0, others - 1)

    def power_limit_w(self) -> float | None:
        """The limit in force; it moves energy more than a removal does."""
        milliwatts = _ask(self._nvml, self._nvml.nvmlDeviceGetEnforcedPowerLimit, self._handle)
        return None if milliwatts is None else float(milliwatts) / 1000

    def wait(self, seconds: float) -> None:
        """Lets time pass without work, on the CPU neither."""
        time.sleep(seconds)


@contextmanager
def open_meter(uuid: str | None, bus_id: str | None) -> Iterator[NvmlMeter]:
    """The meter of the GPU with this UUID or PCI bus id (indices differ from CUDA's); raises CounterError."""
    with library() as nvml:
        if nvml is None:
            raise CounterError("NVIDIA's management library or its Python binding nvidia-ml-py is absent")
        handle = _find(nvml, uuid, bus_id)
        if _is_partitioned(nvml, handle):
            raise CounterError("the GPU is partitioned (MIG), and its counter covers all partitions")
        meter = NvmlMeter(nvml, handle)
        meter.energy_j()
        yield meter


def _find(nvml: Any, uuid: str | None, bus_id: str | None) -> Any:
    for look_up, address in ((nvml.nvmlDeviceGetHandleByUUID, uuid), (nvml.nvmlDeviceGetHandleByPciBusId, bus_id)):
        if address is None:
            continue
        try:
            return look_up(address)
        except nvml.NVMLError:
            continue
    raise CounterError("the management library does not know the GPU that torch uses, as with a partition (MIG)")


def _is_partitioned(nvml: Any, handle: Any) -> bool:
    try:
        if nvml.nvmlDeviceIsMigDeviceHandle(handle):
            return True
        current, _ = nvml.nvmlDeviceGetMigMode(handle)
    except nvml.NVMLError:
        return False  # a GPU that cannot be partitioned does not know the question
    return bool(current == nvml.NVML_DEVICE_MIG_ENABLE)


def _pids(nvml: Any, handle: Any) -> set[int]:
    return {int(process.pid) for process in nvml.nvmlDeviceGetComputeRunningProcesses(handle)} - {os.getpid()}


def _has_host_ids() -> bool:
    """Whether process ids here are those of the host, which the library speaks in (not so in a container)."""
    try:
        return Path("/proc/self/ns/pid").stat().st_ino == HOST_PID_NAMESPACE
    except OSError:
        return True


def _handles(nvml: Any) -> list[Any]:
    return [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]


def _gpu(nvml: Any, handle: Any) -> Gpu:
    name = _ask(nvml, nvml.nvmlDeviceGetName, handle)
    memory = _ask(nvml, nvml.nvmlDeviceGetMemoryInfo, handle)  # not told where GPU and CPU share their memory
    capability = _ask(nvml, nvml.nvmlDeviceGetCudaComputeCapability, handle)
    return Gpu(
        "unknown" if name is None else _text(name),
        None if memory is None else int(memory.total),
        None if capability is None else ".".join(map(str, capability)),
    )


def _ask(nvml: Any, question: Callable[..., Any], *about: Any) -> Any | None:
    try:
        return question(*about)
    except nvml.NVMLError:
        return None


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
