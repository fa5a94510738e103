"""What a machine is made of, as far as it decides how fast things run; no host, user or path."""

from __future__ import annotations

import functools
import platform
import re
from pathlib import Path

from harness import nvml
from harness.gpu_state import gpu_state
from harness.kinds import class_of_machine
from harness.schema import Json
from harness.topology import cpu_topology

GIB = 2**30


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

    They are `kinds.OF_CPUS`, and on a GPU also `kinds.OF_GPUS`: what decides how fast a thing runs on any machine of
    the kind. The driver is one, since its kernels and clocks change with it. On the CPU a GPU that stands
    idle beside it does not count; `auto` is said only where there is a GPU. Nothing of `machine_details` enters: cards
    and limits differ among machines of one kind, and a virtual machine tells its topology or does not.
    """
    return class_of_machine(machine_fields(), device)


def machine_details(uuid: str | None, bus_id: str | None) -> dict[str, Json]:
    """What explains a difference within a class: the CPU's topology, and the card at this address with its limits.

    The card's UUID is told as the first digits of its SHA-256 only; `gpu` is null without an address.
    """
    arrangement = cpu_topology()
    facts: dict[str, Json] = {
        "sockets": arrangement.sockets,
        "cores": arrangement.cores,
        "threads_per_core": arrangement.threads_per_core,
        "max_mhz": arrangement.max_mhz,
        "caches_bytes": {**arrangement.caches},
    }
    return {"cpu_topology": facts, "gpu": None if uuid is None and bus_id is None else _card(uuid, bus_id)}


def _card(uuid: str | None, bus_id: str | None) -> dict[str, Json]:
    state = gpu_state(uuid, bus_id)
    return {
        "name": state.name,
        "uuid_sha256": state.uuid_digest,
        "power_limit_w": state.power_limit_w,
        "sm_clock_max_mhz": state.sm_clock_max_mhz,
        "memory_clock_max_mhz": state.memory_clock_max_mhz,
        "memory_bytes": state.device_total_bytes,
        "is_persistent": state.is_persistent,
        "is_partitioned": state.is_partitioned,
    }


def cpu_model(source: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's trade name; `unknown` where the system does not tell."""
    try:
        found = re.search(r"^(?:model name|Model|cpu model)\s*:\s*(.+)$", source.read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1].strip() if found else platform.processor() or "unknown"
