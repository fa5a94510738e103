"""Is this machine fit to measure: who else uses it, how far it is limited, what its clock does."""

from __future__ import annotations

import os
from pathlib import Path

from harness import nvml
from harness.hardware import machine_class, machine_fields
from harness.kernel_files import text_of
from harness.schema import Json

__all__ = ["fitness", "machine_class", "machine_fields"]

GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
GROUPS = Path("/sys/fs/cgroup")
BUSY_SHARE = 0.5  # of the usable CPUs in use by anyone, this process included


def fitness(governor: Path = GOVERNOR, groups: Path = GROUPS) -> dict[str, Json]:
    """The state of the machine now, with `warnings` in sentences; what cannot be read is null."""
    usable = _usable_cpus()
    limit = _cpu_limit(groups)
    load = _load()
    state: dict[str, Json] = {
        "load_1_min": load,
        "usable_cpus": usable,
        "cpu_limit": limit,
        "memory_limit_bytes": _memory_limit(groups),
        "governor": text_of(governor),
        "foreign_gpu_processes": nvml.foreign_processes(),
    }
    return {**state, "warnings": [*_warnings(state, load, usable if limit is None else min(usable, limit))]}


def _warnings(state: dict[str, Json], load: float | None, cpus: float) -> list[str]:
    found = []
    if load is not None and load > BUSY_SHARE * cpus:
        found.append(f"the load average is {load:.1f} on {cpus:g} CPUs; timings will be noisy")
    if state["governor"] not in (None, "performance"):
        found.append(f"the CPU's frequency governor is {state['governor']!r}, not 'performance'; timings will drift")
    if state["foreign_gpu_processes"]:
        found.append(
            f"{state['foreign_gpu_processes']} other processes compute on the GPUs; costs will not be of this run alone"
        )
    return found


def _usable_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _load() -> float | None:
    try:
        return round(os.getloadavg()[0], 2)
    except OSError:
        return None


def _cpu_limit(groups: Path) -> float | None:
    """CPUs that the container may use, by either generation of control groups; None without a limit."""
    new = (text_of(groups / "cpu.max") or "").split()
    quota, period = new if len(new) == 2 else (text_of(groups / f"cpu/cpu.cfs_{key}_us") for key in ("quota", "period"))
    if quota is None or period is None or not quota.isdecimal() or not period.isdecimal():
        return None
    return int(quota) / int(period)


def _memory_limit(groups: Path) -> int | None:
    found = text_of(groups / "memory.max") or text_of(groups / "memory/memory.limit_in_bytes")
    if found is None or not found.isdecimal():
        return None
    # The first generation spells "no limit" as the largest number of pages.
    return None if int(found) >= 2**60 else int(found)
