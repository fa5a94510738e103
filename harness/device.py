"""The only file that knows CPU from GPU: which device, when it is idle, what a step takes there."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, TypeVar

from harness.errors import DeviceError
from harness.failures import classified
from harness.heap import page_faults
from harness.host_memory import HostProbe, Peak

T = TypeVar("T")
GPU_RESOLUTION_BYTES = 512  # torch's allocator rounds every block up to this


class _Clock(Protocol):
    def now(self) -> float: ...


def resolve(name: str, is_one: bool = False) -> str:
    """`cpu` or `cuda:N` from `auto`, `cpu`, `cuda`, `cuda:N` or `cuda:N+M`; raises DeviceError when a GPU is not there.

    Of several GPUs it is the first, on which everything runs but the passes of an evaluation; `cuda:N+M` where they
    hold each network together, as if they were one.
    """
    for piece in pieces(name):
        _check(piece)
    first, *others = map(_resolved, pieces(name))
    return "+".join([first, *(other.partition(":")[2] for other in others)]) if is_one else first


def pieces(name: str) -> tuple[str, ...]:
    """Every device that a name names: `cuda:0` and `cuda:2` of `cuda:0+2`."""
    kind, _, numbers = name.partition(":")
    return tuple(f"{kind}:{number}" for number in numbers.split("+")) if "+" in numbers else (name,)


def _check(name: str) -> None:
    kind, colon, number = name.partition(":")
    if kind not in ("auto", "cpu", "cuda") or (colon and (kind != "cuda" or not number.isdecimal())):
        raise DeviceError(f"unknown device {name!r}; known: auto, cpu, cuda, cuda:N, cuda:N+M")


def _resolved(name: str) -> str:
    kind, _, number = name.partition(":")
    if kind == "cpu":
        return "cpu"
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if kind == "auto":
        return "cuda:0" if count else "cpu"
    if int(number or 0) >= count:
        raise DeviceError(f"the device {name!r} was asked for, but {gpus_seen()}; use 'auto' or 'cpu' to run without")
    return f"cuda:{int(number or 0)}"


def gpus_seen() -> str:
    """How many GPUs torch can use, in words."""
    import torch

    if torch.version.cuda is None:
        return "this torch was built without CUDA"
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return f"torch sees {count} GPU{'' if count == 1 else 's'} here" if count else "torch sees no GPU here"


def is_gpu(device: str) -> bool:
    """Whether work on the device runs apart from this process and has to be waited for."""
    return device.startswith("cuda")


def synchronize(device: str) -> None:
    """Returns once the device has nothing left to do."""
    if is_gpu(device):
        import torch

        torch.cuda.synchronize(device)


def out_of_memory(take: Callable[[], T], device: str) -> T | str:
    """What `take` gives, or `oom_gpu` or `oom_host` where the memory did not suffice; what it held is free again."""
    try:
        return take()
    except (MemoryError, RuntimeError) as error:
        kind = classified(error)
        if not kind.startswith("oom"):
            raise
    if is_gpu(device):
        import torch

        torch.cuda.empty_cache()
    return kind


def seed_everything(seed: int) -> None:
    """Seeds Python, numpy and torch, on every device."""
    import numpy as np
    import torch

    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def set_threads(count: int) -> None:
    """How many CPU threads one operation may use."""
    import torch

    torch.set_num_threads(count)


@dataclass(frozen=True)
class IdleClock:
    """Seconds since some moment, read when the device is idle."""

    device: str

    def now(self) -> float:
        """Waits for the device, then reads the clock."""
        synchronize(self.device)
        return time.perf_counter()


@dataclass(frozen=True)
class Timing:
    """Seconds per step: `wall_s` as a user waits for it, `device_s` by the GPU's own events (None on a CPU).

    The two differ where the time goes into launching kernels, as in a small network at batch 1. `page_faults` are those
    of a step: time that goes into memory that was given back before.
    """

    wall_s: float
    device_s: float | None = None
    page_faults: float = field(default=0.0, compare=False)


def timed(step: Callable[[], object], device: str, clock: _Clock, iterations: int = 1) -> Timing:
    """One sample: `iterations` steps between two moments at which the device is idle, in seconds per step."""
    events = _events(device)
    faults = page_faults()
    start = clock.now()
    if events:
        _mark(events[0], device)
    for _ in range(iterations):
        step()
    if events:
        _mark(events[1], device)
    elapsed = clock.now() - start
    on_device = events[0].elapsed_time(events[1]) / 1000 / iterations if events else None
    return Timing(elapsed / iterations, on_device, (page_faults() - faults) / iterations)


def _events(device: str) -> tuple[Any, Any] | None:
    if not is_gpu(device):
        return None
    import torch

    event: Any = torch.cuda.Event
    return event(enable_timing=True), event(enable_timing=True)


def _mark(event: Any, device: str) -> None:
    import torch

    event.record(torch.cuda.current_stream(device))  # the default would be the stream of the current device


class _Probe(Protocol):
    def start(self) -> None: ...

    def stop(self) -> Peak: ...


class PeakMemory:
    """`with PeakMemory(device) as phase: ...`, then `phase.peak`; nothing else may run in the process meanwhile.

    Collect garbage before: what is freed inside the phase makes room that is not seen.
    """

    peak: Peak

    def __init__(self, device: str) -> None:
        self._probe: _Probe = _GpuProbe(device) if is_gpu(device) else HostProbe()

    def __enter__(self) -> PeakMemory:
        self._probe.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.peak = self._probe.stop()


class _GpuProbe:
    """torch's own count of what its allocator handed out on the device."""

    def __init__(self, device: str) -> None:
        self._device = device

    def start(self) -> None:
        import torch

        synchronize(self._device)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(self._device)
        self._rest = torch.cuda.memory_allocated(self._device)
        self._retries = self._count_retries()

    def stop(self) -> Peak:
        import torch

        synchronize(self._device)
        return Peak(
            torch.cuda.max_memory_allocated(self._device),
            self._rest,
            GPU_RESOLUTION_BYTES,
            "max_memory_allocated after a reset",
            reserved_bytes=torch.cuda.max_memory_reserved(self._device),
            allocator_retries=self._count_retries() - self._retries,
        )

    def _count_retries(self) -> int:
        import torch

        return int(torch.cuda.memory_stats(self._device).get("num_alloc_retries", 0))


@dataclass(frozen=True)
class GpuAddress:
    """Where the management library finds the GPU that torch calls `cuda:N`; never stored."""

    uuid: str | None
    bus_id: str | None


def gpu_address(device: str) -> GpuAddress | None:
    """UUID and PCI bus id of a GPU; None for a CPU."""
    if not is_gpu(device):
        return None
    import torch

    found = torch.cuda.get_device_properties(device)
    uuid = getattr(found, "uuid", None)
    domain, bus, slot = (getattr(found, f"pci_{part}_id", None) for part in ("domain", "bus", "device"))
    has_bus = domain is not None and bus is not None and slot is not None
    return GpuAddress(f"GPU-{uuid}" if uuid else None, f"{domain:08X}:{bus:02X}:{slot:02X}.0" if has_bus else None)


@dataclass(frozen=True)
class Arithmetic:
    """How the device computes now; the switches of a GPU are None on a CPU."""

    threads: int
    tf32_matmul: bool | None
    tf32_convolution: bool | None
    cudnn_benchmark: bool | None


def arithmetic(device: str) -> Arithmetic:
    """Threads and precision switches in force."""
    import torch

    threads = torch.get_num_threads()
    if not is_gpu(device):
        return Arithmetic(threads, None, None, None)
    cudnn = torch.backends.cudnn
    return Arithmetic(
        threads, torch.get_float32_matmul_precision() != "highest", bool(cudnn.allow_tf32), bool(cudnn.benchmark)
    )


def attention_kernels(step: Callable[[], object]) -> tuple[str, ...]:
    """The fused attention kernels that one step runs, by their names in torch; empty where attention is not fused."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    seen: dict[str, None] = {}

    class Listener(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves __init_subclass__ untyped
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if "scaled_dot_product" in str(func):
                seen.setdefault(str(func).split(".")[1].strip("_"))
            return func(*args, **(kwargs or {}))

    listener = Listener()  # type: ignore[no-untyped-call]  # as above
    # In inference mode the choice of a kernel is made below what can be heard.
    with torch.inference_mode(False), torch.no_grad(), listener:
        step()
    return tuple(seen)
