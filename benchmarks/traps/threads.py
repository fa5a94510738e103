"""Traps of times that come from threads and from other processes."""

from __future__ import annotations

import os
from statistics import median
from typing import Any

import torch
from torch.utils.benchmark import Timer

from benchmarks.traps.processes import beside, fresh, spin, variables
from benchmarks.traps.spreads import rounded, spread
from benchmarks.traps.steps import Step, seconds, step_of, subject
from harness import watch
from harness.device import set_threads
from harness.schema import Json

ROUNDS = 5
MANY = 32


def _step() -> Step:
    pair = subject()
    step = step_of(pair, pair.baseline)
    seconds(step, 2)
    return step


def timer() -> Json:
    """torch's own Timer as it comes, over the same Timer with the threads of the process, in turn."""
    step, threads = _step(), torch.get_num_threads()
    found = [_timed(step) / _timed(step, num_threads=threads) for _ in range(ROUNDS)]
    return {"threads": threads, "default_over_given": spread(found)}


def _timed(step: Step, **given: Any) -> float:
    return float(Timer("step()", globals={"step": step}, **given).timeit(3).median)


def too_many() -> Json:
    """32 threads, and one thread, over as many as there are cores, in turn."""
    step, threads = _step(), torch.get_num_threads()
    found: dict[int, list[float]] = {1: [], threads: [], MANY: []}
    for _ in range(ROUNDS):
        for count, times in found.items():
            set_threads(count)
            step()
            times.append(median(seconds(step, 3)))
    set_threads(threads)
    over = {count: [a / b for a, b in zip(times, found[threads], strict=True)] for count, times in found.items()}
    return {"threads": threads, "one_thread": spread(over[1]), f"{MANY}_threads": spread(over[MANY])}


def neighbours() -> Json:
    """The same steps with one and with two other trials on the machine, over alone; and what the watch says."""
    step = _step()
    found: dict[str, Json] = {}
    for others in (1, 2):
        ratios, verdict = [], watch.Verdict()
        for _ in range(2):
            alone = median(seconds(step, 4))
            with beside(neighbour, others):
                before = watch.counters()
                ratios.append(median(seconds(step, 6)) / alone)
                verdict = watch.judged(before, watch.counters())
        found[f"beside_{others}"] = {**spread(ratios), "watch": [verdict.quality, *verdict.reasons]}
    return found


def neighbour() -> None:
    """A few steps of another trial, on as many threads as it likes."""
    pair = subject()
    seconds(step_of(pair, pair.baseline), 20)


def spinning() -> Json:
    """Steps on a machine whose cores others keep busy: OpenMP as it comes, over threads that wait without spinning."""
    cores = os.cpu_count() or 1
    found: dict[str, list[float]] = {"as_it_comes": [], "passive": []}
    for _ in range(3):
        for policy, times in found.items():
            with variables({"OMP_WAIT_POLICY": "passive" if policy == "passive" else None}):
                times.append(fresh(_beside_spinners, cores))
    over = spread([mine / other for mine, other in zip(found["as_it_comes"], found["passive"], strict=True)])
    told: dict[str, Json] = {policy: [*map(rounded, times)] for policy, times in found.items()}
    return {"busy_processes": cores, "medians_s": told, "as_it_comes_over_passive": over}


def _beside_spinners(count: int) -> float:
    step = _step()
    with beside(spin, count):
        return median(seconds(step, 6))


def watched() -> Json:
    """What the watch says of a stretch without neighbours of our making."""
    step = _step()
    before = watch.counters()
    seconds(step, 20)
    verdict = watch.judged(before, watch.counters())
    return {"quality": verdict.quality, "reasons": [*verdict.reasons], "facts": {**verdict.facts}}


TRAPS = {
    "watched": watched,
    "timer": timer,
    "too_many": too_many,
    "neighbours": neighbours,
    "spinning": spinning,
}
