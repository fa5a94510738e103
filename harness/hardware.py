"""What a machine is made of, as far as it decides how fast things run; no host, user or path."""

from __future__ import annotations

import functools
import platform
import re
from pathlib import Path

from harness import nvml
from harness.schema import Json, digest

GIB = 2**30
OF_GPUS = ("gpus", "gpu_capabilities", "gpu_memory_gib", "driver")


@functools.cache
def _fields() -> dict[str, Json]:
    import psutil

    found = nvml.gpus()
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "cpu": cpu_model(),
        "cores_physical": psutil.cpu_count(logical=False),
        "cores_logical": psutil.cpu_count(logical=True),
        "memory_gib": round(psutil.virtual_memory().total / GIB),
        "gpus": [*sorted({gpu.name for gpu in found})],
        "gpu_capabilities": [*sorted({gpu.capability for gpu in found if gpu.capability})],
        "gpu_memory_gib": [*sorted({round(gpu.memory_bytes / GIB) for gpu in found if gpu.memory_bytes})],
        "driver": nvml.driver(),
    }


def machine_fields() -> dict[str, Json]:
    """The stable facts; GPUs by kind and not by number, so that a job that is given one of eight has the same class."""
    return dict(_fields())


def machine_class(device: str) -> str:
    """Ten hex digits over the stable facts that count for this device; costs compare only where they agree.

    On the CPU a GPU that stands idle beside it does not count; `auto` is said only where there is a GPU.
    """
    is_cpu = device == "cpu"
    facts = {name: fact for name, fact in machine_fields().items() if not (is_cpu and name in OF_GPUS)}
    return digest({**facts, "device": "cpu" if is_cpu else "gpu"}, 10)


def cpu_model(source: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's trade name; `unknown` where the system does not tell."""
    try:
        found = re.search(r"^(?:model name|Model|cpu model)\s*:\s*(.+)$", source.read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1].strip() if found else platform.processor() or "unknown"
