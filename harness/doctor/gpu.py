"""What the GPU can measure: whether there is one, for whom, at what clock, in which formats, with what counter."""

from __future__ import annotations

from importlib import util

from harness.collectors.base import Clock
from harness.collectors.windows import tick_length
from harness.device import GpuAddress, gpu_address, gpus_seen, resolve
from harness.doctor.finding import Finding
from harness.gpu_energy import open_meter
from harness.gpu_state import GpuState, gpu_state
from harness.meters import CounterError

TIMINGS, ALONE, CLOCK, WHOLE, ENERGY = (
    "GPU timings and memory", "GPU to oneself", "steady GPU clock", "whole GPU", "GPU energy",
)  # fmt: skip
FROM_CAPABILITY = {"bf16": 8.0, "fp16": 7.0}  # the first with matrix units for the format
GET_GPU = "use a machine with an NVIDIA GPU, and a torch that is built for CUDA"
LOCK = "the administrator locks it with `nvidia-smi -lgc MHZ`, and keeps the driver loaded with `nvidia-smi -pm 1`"


def gpu_here() -> tuple[GpuAddress | None, str]:
    """The GPU that runs would use, or None; with what torch says about it."""
    if util.find_spec("torch") is None:
        return None, "torch is not installed"
    return gpu_address(resolve("auto")), gpus_seen()


def gpu_findings(address: GpuAddress | None, seen: str, clock: Clock) -> list[Finding]:
    """Findings about the GPU at this address; `seen` says what torch sees."""
    if address is None:
        whats = (TIMINGS, ALONE, CLOCK, WHOLE, *(f"{name} on the GPU" for name in FROM_CAPABILITY), ENERGY)
        return [Finding(what, False, seen, GET_GPU) for what in whats]
    state = gpu_state(address.uuid, address.bus_id)
    about = f"{seen}{f': {state.name}' if state.name else ''}"
    return [
        Finding(TIMINGS, True, about),
        alone(state),
        clock_rate(state),
        whole(state),
        *(number_format(name, state.capability) for name in FROM_CAPABILITY),
        gpu_energy(address, clock),
    ]


def alone(state: GpuState) -> Finding:
    """Whether nobody else computes on the GPU."""
    count = state.foreign_processes
    if count is None:
        why = "who computes on the GPU cannot be told, as in a container"
        return Finding(ALONE, False, why, "look with `nvidia-smi` on the host, or share its process ids (`--pid=host`)")
    plural = "" if count == 1 else "es"
    better = "end the other processes (`nvidia-smi` lists them), or choose another GPU with CUDA_VISIBLE_DEVICES"
    return Finding(ALONE, count == 0, f"{count} other process{plural} on the GPU", better if count else None)


def clock_rate(state: GpuState) -> Finding:
    """Whether the clock is set, and nothing holds it back; a lock is seen only by its effect on the clock."""
    if state.throttle_reasons is None:
        return Finding(CLOCK, False, "the driver does not tell what moves the clock", LOCK)
    if state.throttle_reasons:
        better = "cool the GPU, raise its power limit (`nvidia-smi -pl`), or lock a lower clock (`nvidia-smi -lgc MHZ`)"
        return Finding(CLOCK, False, f"held back by {', '.join(state.throttle_reasons)}", better)
    is_set = bool(state.are_clocks_set)
    now = f" (now {state.sm_clock_mhz} of {state.sm_clock_max_mhz} MHz)" if state.sm_clock_mhz is not None else ""
    why = f"{'clocks are set' if is_set else 'no lock on the clock is seen'}{now}"
    if is_set and state.is_persistent is not False:
        return Finding(CLOCK, True, why)
    return Finding(CLOCK, is_set, f"{why}; persistence mode is {_on(state.is_persistent)}", LOCK)


def whole(state: GpuState) -> Finding:
    """Whether the GPU is not cut into partitions, which share memory bandwidth, power and the energy counter."""
    if state.is_partitioned:
        better = "the administrator ends the partition with `nvidia-smi -mig 0`"
        return Finding(WHOLE, False, "the GPU is partitioned (MIG): energy is of all partitions together", better)
    return Finding(WHOLE, True, "the GPU is not partitioned" if state.is_partitioned is False else "no partitions here")


def number_format(name: str, capability: str | None) -> Finding:
    """Whether the GPU has matrix units for this format."""
    what, first = f"{name} on the GPU", FROM_CAPABILITY[name]
    if capability is None:
        return Finding(what, False, "the driver does not tell the compute capability", "update driver and nvidia-ml-py")
    has_units = float(capability) >= first
    better = f"time {name} on a GPU of compute capability {first} or newer"
    return Finding(what, has_units, f"compute capability {capability}", None if has_units else better)


def gpu_energy(address: GpuAddress, clock: Clock) -> Finding:
    """Whether the GPU's energy counter can be read, and how often it moves."""
    try:
        with open_meter(address.uuid, address.bus_id) as meter:
            tick_s, limit = tick_length(meter, clock), meter.power_limit_w()
    except CounterError as error:
        return Finding(ENERGY, False, str(error), "use a whole GPU of the generation Volta or newer, with nvidia-ml-py")
    shown = "" if limit is None else f"; the power limit is {limit:g} W"
    return Finding(ENERGY, True, f"the counter can be read and moves every {tick_s * 1000:.0f} ms{shown}")


def _on(flag: bool | None) -> str:
    return "unknown" if flag is None else "on" if flag else "off"
