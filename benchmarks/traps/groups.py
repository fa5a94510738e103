"""All traps by group, in the order in which they are shown: those that want a quiet machine last."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from benchmarks.traps import allocator, counters, energy, forward_memory, gpu, jobs, memory, outcomes, threads, timing
from harness.schema import Json

Trap = Callable[[], Json]
GROUPS: dict[str, dict[str, Trap]] = {
    "outcomes": outcomes.TRAPS,
    "counters": counters.TRAPS,
    "memory": {**memory.TRAPS, **forward_memory.TRAPS},
    "energy": energy.TRAPS,
    "jobs": jobs.TRAPS,
    "gpu": gpu.TRAPS,
    "timing": {**timing.TRAPS, **allocator.TRAPS},
    "threads": threads.TRAPS,
}


def shown(group: str) -> dict[str, Json]:
    """Every trap of a group, in turn; how long each took is told on stderr."""
    found: dict[str, Json] = {}
    for name, trap in GROUPS[group].items():
        started = time.perf_counter()
        found[name] = trap()
        print(f"{group}: {name}: {time.perf_counter() - started:.0f} s", file=sys.stderr)
    return found
