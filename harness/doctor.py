"""What this machine can measure, and what it cannot, and why."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import util
from pathlib import Path

from harness import nvml
from harness.device import arithmetic, gpu_address, gpus_seen, is_gpu, resolve
from harness.environment import versions
from harness.hardware import machine_fields

RAPL = Path("/sys/class/powercap")
CLEAR_REFS = Path("/proc/self/clear_refs")
SLURM_COMMANDS = ("sbatch", "squeue", "scancel", "sacct")


@dataclass(frozen=True)
class Finding:
    """One ability of the machine, whether it has it, and the fact behind the answer."""

    what: str
    can: bool
    why: str


def doctor_findings(paths: Mapping[str, Path] | None = None) -> list[Finding]:
    """Every ability; `paths` are the folders of data sets by label, as a site file holds them."""
    has_torch = util.find_spec("torch") is not None
    return [
        _cpu(),
        *([_threads(), _gpu()] if has_torch else []),
        _gpu_energy(has_torch),
        rapl(),
        peak_memory(),
        *(_package(name) for name in ("torch", "timm", "fvcore", "ptflops", "submitit")),
        _slurm(),
        *(data_folder(label, folder) for label, folder in (paths or {}).items()),
    ]


def _cpu() -> Finding:
    found = machine_fields()
    return Finding("CPU timings", True, f"{found['cpu']}, {found['cores_physical']} cores, {found['memory_gib']} GiB")


def _threads() -> Finding:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = arithmetic("cpu").threads
    why = f"torch would use {threads} threads on {usable} usable CPUs"
    return Finding("threads without crowding", threads <= usable, why)


def _gpu() -> Finding:
    return Finding("GPU timings and memory", is_gpu(resolve("auto")), gpus_seen())


def _gpu_energy(has_torch: bool) -> Finding:
    address = gpu_address(resolve("auto")) if has_torch else None
    if address is None:
        return Finding("GPU energy", False, "torch sees no GPU here")
    try:
        with nvml.open_meter(address.uuid, address.bus_id) as meter:
            others = meter.foreign_processes()
    except nvml.CounterError as error:
        return Finding("GPU energy", False, str(error))
    return Finding("GPU energy", others == 0, f"the counter can be read; {others} other processes on the GPU")


def rapl(root: Path = RAPL) -> Finding:
    """Whether the CPU's own energy counter is readable; harness does not use it yet where it is."""
    counters = sorted(root.glob("*/energy_uj"))
    if not counters:
        return Finding("CPU energy counter", False, "the system offers no RAPL counter")
    if not any(os.access(counter, os.R_OK) for counter in counters):
        return Finding("CPU energy counter", False, "RAPL counters are there, but only the administrator may read them")
    return Finding("CPU energy counter", True, "RAPL counters are readable; no collector reads them")


def peak_memory(switch: Path = CLEAR_REFS) -> Finding:
    """Whether the process's peak memory can be reset before each phase."""
    if os.access(switch, os.W_OK):
        return Finding("CPU peak memory of a phase", True, "the process's high-water mark can be reset")
    why = "the high-water mark cannot be reset (no writable clear_refs): only a new maximum of the process is seen"
    return Finding("CPU peak memory of a phase", False, why)


def _package(name: str) -> Finding:
    version = versions().get(name)
    return Finding(f"package {name}", version is not None, version or "not installed")


def _slurm() -> Finding:
    missing = [command for command in SLURM_COMMANDS if shutil.which(command) is None]
    why = f"not on PATH: {', '.join(missing)}" if missing else f"on PATH: {', '.join(SLURM_COMMANDS)}"
    return Finding("Slurm", not missing, why)


def data_folder(label: str, folder: Path) -> Finding:
    """Whether the data under this label can be read."""
    what = f"data {label!r}"
    if not folder.is_dir():
        return Finding(what, False, "the site file's path is not a folder")
    if not os.access(folder, os.R_OK | os.X_OK):
        return Finding(what, False, "the folder may not be read")
    return Finding(what, True, "the folder is readable")
