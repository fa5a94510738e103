"""Traps that only a GPU shows; without one each is null with the reason."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from statistics import mean, median

import torch

from benchmarks.traps.spreads import rounded, spread
from benchmarks.traps.steps import step_of, subject
from harness import numerics
from harness.collectors.base import Subject
from harness.collectors.windows import tick_length
from harness.device import IdleClock, PeakMemory, gpu_address, gpus_seen, synchronize, timed
from harness.gpu_energy import open_meter
from harness.gpu_state import GpuState, gpu_state
from harness.meters import CounterError
from harness.runtimes import Runtime
from harness.schema import Json

GPU = "cuda:0"
STEPS = 100
WORK_S = 4.0


def _with_gpu(trap: Callable[[], Json]) -> Callable[[], Json]:
    def shown() -> Json:
        if not torch.cuda.is_available():
            return {"value": None, "reason": f"no_gpu: {gpus_seen()}"}
        return trap()

    return shown


def _there() -> Subject:
    pair = subject()
    return replace(
        pair,
        candidate=pair.candidate.to(GPU),
        baseline=pair.baseline.to(GPU),
        example=lambda items: pair.example(items).to(GPU),
        device=GPU,
    )


def _state() -> GpuState:
    address = gpu_address(GPU)
    return GpuState() if address is None else gpu_state(address.uuid, address.bus_id, holds_context=True)


def memory() -> Json:
    """Peak by the allocator, what it reserved, and what the driver counts; a small pass after a large one, no reset."""
    pair = _there()
    large, small = (step_of(pair, pair.baseline, batch) for batch in (128, 4))
    large()
    with PeakMemory(GPU) as phase:
        large()
    after = _state()
    with PeakMemory(GPU) as alone:
        small()
    large()
    small()
    return {
        "allocated": phase.peak.peak_bytes,
        "reserved": phase.peak.reserved_bytes,
        "process_by_driver": after.own_bytes,
        "device_by_driver": after.device_used_bytes,
        "small_alone": alone.peak.peak_bytes,
        "small_after_large_without_a_reset": torch.cuda.max_memory_allocated(GPU),
    }


def tf32() -> Json:
    """A product of float32 matrices with and without TF32: the largest difference, under one label."""
    left, right = torch.randn(2, 2048, 2048, device=GPU)
    found = {}
    for dtype in ("fp32", "tf32"):
        with numerics.in_force(Runtime(dtype=dtype), GPU):
            found[dtype] = left @ right
    gap = (found["fp32"] - found["tf32"]).abs().max() / found["fp32"].abs().max()
    return {"label": str(found["tf32"].dtype), "largest_relative_difference": rounded(float(gap))}


def waiting() -> Json:
    """Batch 1: the GPU's own time over wall time, a wait per step over one wait, and launching alone over all."""
    pair, clock = _there(), IdleClock(GPU)
    step = step_of(pair, pair.baseline, 1)
    timed(step, GPU, clock, STEPS)
    found: dict[str, list[float]] = {"events_over_wall": [], "wait_each_over_one": [], "launch_over_all": []}
    for _ in range(8):
        whole = timed(step, GPU, clock, STEPS)
        each = median(timed(step, GPU, clock).wall_s for _ in range(STEPS))
        found["events_over_wall"].append((whole.device_s or 0.0) / whole.wall_s)
        found["wait_each_over_one"].append(each / whole.wall_s)
        found["launch_over_all"].append(_launched(step) / whole.wall_s)
    return {name: spread(values) for name, values in found.items()}


def _launched(step: Callable[[], object]) -> float:
    """Seconds of a step by a clock that does not wait for the GPU."""
    synchronize(GPU)
    started = time.perf_counter()
    for _ in range(STEPS):
        step()
    elapsed = time.perf_counter() - started
    synchronize(GPU)
    return elapsed / STEPS


def power() -> Json:
    """The energy counter's tick; watts by the counter and by asking for the power, over the seconds after idling."""
    pair, address = _there(), gpu_address(GPU)
    step = step_of(pair, pair.baseline, 64)
    step()
    if address is None:
        return {"value": None, "reason": "the GPU has no address"}
    try:
        with open_meter(address.uuid, address.bus_id) as meter:
            tick_s = tick_length(meter, IdleClock(GPU))
            meter.wait(WORK_S)
            begun, before, polled = time.perf_counter(), meter.energy_j(), []
            while time.perf_counter() - begun < WORK_S:
                step()
                polled.append(_state().power_w or 0.0)
            synchronize(GPU)
            counted = (meter.energy_j() - before) / (time.perf_counter() - begun)
    except CounterError as error:
        return {"value": None, "reason": f"no_counter: {error}"}
    return {"tick_s": rounded(tick_s), "by_counter_w": rounded(counted), "by_polling_w": rounded(mean(polled))}


TRAPS = {name.__name__: _with_gpu(name) for name in (memory, tf32, waiting, power)}
