"""What the processor can measure: who else uses it, its limits, clock, number formats, memory and energy."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from importlib import util
from pathlib import Path

from harness.collectors.base import Clock
from harness.collectors.windows import tick_length
from harness.device import arithmetic
from harness.doctor.finding import Finding
from harness.machine import BUSY_SHARE
from harness.meters import CounterError
from harness.rapl import POWERCAP, open_rapl
from harness.schema import Json

CLEAR_REFS = Path("/proc/self/clear_refs")
CPUINFO = Path("/proc/cpuinfo")
FORMATS = {
    "bf16": ("avx512_bf16", "amx_bf16", "bf16", "svebf16"),
    "fp16": ("avx512_fp16", "amx_fp16", "asimdhp"),
}
GIB = 2**30
NO_TORCH = "torch is not installed"
OPEN_RAPL = "the administrator opens them with `chmod a+r /sys/class/powercap/intel-rapl*/energy_uj`, anew after a boot"


def processor_findings(state: Mapping[str, Json], machine: Mapping[str, Json], clock: Clock) -> list[Finding]:
    """Findings from the state of the machine now and its stable facts."""
    return [
        _timings(machine),
        quiet(state),
        clock_rate(state),
        quota(state),
        memory(state, machine),
        threads(state),
        waiting(os.environ.get("OMP_WAIT_POLICY")),
        *(number_format(name) for name in FORMATS),
        rapl(clock),
        peak_memory(),
    ]


def _timings(machine: Mapping[str, Json]) -> Finding:
    about = f"{machine['cpu']}, {machine['cores_physical']} cores, {machine['memory_gib']} GiB"
    if util.find_spec("torch") is None:
        return Finding("CPU timings", False, f"{about}; {NO_TORCH}", "install torch")
    import torch

    return Finding("CPU timings", True, f"{about}; torch computes with {torch.backends.cpu.get_cpu_capability()}")


def quiet(state: Mapping[str, Json]) -> Finding:
    """Whether the CPUs are left to this process, by the load average of the last minute."""
    what, load, cpus = "quiet CPUs", _number(state.get("load_1_min")), usable_cpus(state)
    if load is None:
        return Finding(what, False, "the system tells no load average", "measure under Linux or macOS")
    why = f"the load average of the last minute is {load:.2f} on {cpus:g} usable CPUs"
    better = "stop what else runs (`top` shows it), or wait until the load is below half of the CPUs"
    return Finding(what, load <= BUSY_SHARE * cpus, why, better if load > BUSY_SHARE * cpus else None)


def clock_rate(state: Mapping[str, Json]) -> Finding:
    """Whether the CPU's clock is kept high by its governor."""
    what, governor = "steady CPU clock", state.get("governor")
    if governor is None:
        better = (
            "nothing can be done from inside a virtual machine: rely on paired ratios, and keep rounds apart in time"
        )
        return Finding(what, False, "the frequency governor is not told, as in a virtual machine", better)
    why = f"the frequency governor is {governor!r}"
    better = "the administrator sets it with `cpupower frequency-set -g performance`"
    return Finding(what, governor == "performance", why, None if governor == "performance" else better)


def quota(state: Mapping[str, Json]) -> Finding:
    """Whether a container's quota stops the process in mid-step."""
    what, limit, cpus = "CPUs without a quota", _number(state.get("cpu_limit")), _number(state.get("usable_cpus")) or 1
    if limit is None or limit >= cpus:
        return Finding(what, True, f"no quota is set below the {cpus:g} CPUs" if limit is None else f"{limit:g} CPUs")
    why = f"the container may use {limit:g} of {cpus:g} CPUs, and is stopped in mid-step beyond"
    better = "give it CPUs of its own (`--cpuset-cpus`) and no quota, or ask for no more threads than that"
    return Finding(what, False, why, better)


def memory(state: Mapping[str, Json], machine: Mapping[str, Json]) -> Finding:
    """Whether the container may use the machine's memory."""
    what, limit, whole_gib = "all of the memory", _number(state.get("memory_limit_bytes")), machine["memory_gib"]
    whole = _number(whole_gib) or 0
    if limit is None or limit / GIB >= whole - 0.5:
        return Finding(what, True, f"no limit is set below the {whole_gib} GiB")
    why = f"the container may use {limit / GIB:.1f} of {whole_gib} GiB; beyond it is killed"
    return Finding(what, False, why, "raise the container's limit, or choose smaller batches")


def threads(state: Mapping[str, Json]) -> Finding:
    """Whether torch would start more threads than there are CPUs."""
    what, cpus = "threads without crowding", usable_cpus(state)
    if util.find_spec("torch") is None:
        return Finding(what, False, NO_TORCH, "install torch")
    count = arithmetic("cpu").threads
    why = f"torch would use {count} threads on {cpus:g} usable CPUs"
    better = f"set OMP_NUM_THREADS={max(1, int(cpus))} and bind the threads with OMP_PROC_BIND=close, OMP_PLACES=cores"
    return Finding(what, count <= cpus, why, better if count > cpus else None)


def waiting(policy: str | None) -> Finding:
    """Whether threads sleep when they wait for each other; those that spin make a busy machine many times slower."""
    what = "threads that wait asleep"
    if policy is None:
        why = "OMP_WAIT_POLICY is not set: runs of harness set it to passive, a notebook doesn't"
        return Finding(what, True, why, "set OMP_WAIT_POLICY=passive before a notebook is started")
    is_passive = policy.lower() == "passive"
    why = f"OMP_WAIT_POLICY is {'passive' if is_passive else 'not passive'}"
    return Finding(what, is_passive, why, None if is_passive else "set OMP_WAIT_POLICY=passive")


def number_format(name: str, source: Path = CPUINFO) -> Finding:
    """Whether the CPU multiplies in this format, or only imitates it."""
    what = f"{name} on the CPU"
    try:
        flags = set(re.findall(r"^(?:flags|Features)\s*:\s*(.*)$", source.read_text(), re.MULTILINE)[0].split())
    except (OSError, IndexError):
        return Finding(
            what, False, "the system does not tell what the CPU can do", "look it up, or measure under Linux"
        )
    found = [flag for flag in FORMATS[name] if flag in flags]
    if found:
        return Finding(what, True, f"the CPU has {', '.join(found)}")
    why = f"the CPU has no unit for {name}, and imitates it"
    return Finding(
        what, False, why, f"time {name} on a CPU with {' or '.join(FORMATS[name][:2])}; accuracy is right here too"
    )


def rapl(clock: Clock, root: Path = POWERCAP) -> Finding:
    """Whether the CPU's own energy counter can be read, and how often it moves."""
    what = "CPU energy"
    try:
        meter = open_rapl(1, root)
        tick_s = tick_length(meter, clock)
    except CounterError as error:
        is_closed = any(root.glob("intel-rapl:*/energy_uj"))
        return Finding(
            what, False, str(error).partition("; ")[0], OPEN_RAPL if is_closed else "measure on a physical machine"
        )
    return Finding(what, True, f"{meter.counter} can be read and moves every {tick_s * 1000:.1f} ms")


def peak_memory(switch: Path = CLEAR_REFS) -> Finding:
    """Whether the process's peak memory can be reset before each phase."""
    if os.access(switch, os.W_OK):
        return Finding("CPU peak memory of a phase", True, "the process's high-water mark can be reset")
    why = "the high-water mark cannot be reset (no writable clear_refs): only a new maximum of the process is seen"
    better = "measure under Linux, in a container that leaves /proc/self writable"
    return Finding("CPU peak memory of a phase", False, why, better)


def usable_cpus(state: Mapping[str, Json]) -> float:
    """CPUs that this process may use, a container's quota included."""
    usable, limit = _number(state.get("usable_cpus")) or 1, _number(state.get("cpu_limit"))
    return usable if limit is None else min(usable, limit)


def _number(value: Json) -> float | None:
    return float(value) if isinstance(value, int | float) else None
