"""How much of the machine's processor time is this process's own, and how much somebody else's."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

STAT = Path("/proc/stat")
IDLE, IOWAIT, STEAL = 3, 4, 7  # columns of a cpu line; what follows `steal` is counted in the columns before it


@dataclass(frozen=True)
class CpuTime:
    """Seconds of all CPUs since the machine started, and of this process with all its threads."""

    busy_s: float
    total_s: float
    own_s: float
    cpus: int
    stolen_s: float = 0.0  # the part of busy_s in which another virtual machine ran


def cpu_time(source: Path = STAT, own: Callable[[], float] = time.process_time) -> CpuTime | None:
    """The times now; None where the system does not tell. Time stolen by other virtual machines is busy."""
    try:
        rows = [line.split() for line in source.read_text().splitlines() if line.startswith("cpu")]
        ticks = [int(word) for word in rows[0][1 : STEAL + 2]]
    except (OSError, IndexError, ValueError):
        return None
    if len(ticks) <= IOWAIT or len(rows) < 2:
        return None
    total = sum(ticks)
    hertz = os.sysconf("SC_CLK_TCK")
    stolen = ticks[STEAL] if len(ticks) > STEAL else 0
    busy = total - ticks[IDLE] - ticks[IOWAIT]
    return CpuTime(busy / hertz, total / hertz, own(), len(rows) - 1, stolen / hertz)


def foreign_cpus(begin: CpuTime, end: CpuTime) -> float | None:
    """How many CPUs others kept busy, on the mean between two moments; None where no time passed."""
    elapsed_s = (end.total_s - begin.total_s) / end.cpus
    if elapsed_s <= 0:
        return None
    foreign_s = (end.busy_s - begin.busy_s) - (end.own_s - begin.own_s)
    return max(0.0, foreign_s) / elapsed_s
