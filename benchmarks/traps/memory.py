"""Traps of what the kernel tells about the memory of a process."""

from __future__ import annotations

import gc
import multiprocessing
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from multiprocessing.context import ForkContext, ForkServerContext, SpawnContext
from pathlib import Path
from typing import TypeAlias

from benchmarks.traps.processes import fresh
from benchmarks.traps.spreads import rounded
from harness.host_memory import HostProbe
from harness.schema import Json

MIB, MB = 2**20, 10**6
HELD = 1024 * MIB
PIECE, PIECES = 32 * 1024, 1024  # pieces of the heap: larger ones are mapped one by one, and go back at once
Starter: TypeAlias = SpawnContext | ForkServerContext | ForkContext
PROCESS = Path("/proc/self")
ASK = (
    "import re, resource; text = open('/proc/self/status').read(); "
    "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, re.search(r'VmHWM:\\s+(\\d+)', text)[1])"
)


def status(name: str) -> int:
    """A size that the kernel tells of this process, in bytes."""
    found = re.search(rf"^{name}:\s+(\d+) kB$", (PROCESS / "status").read_text(), re.MULTILINE)
    if found is None:
        raise SystemExit(f"/proc/self/status has no {name}; these traps are for Linux")
    return int(found[1]) * 1024


def reset() -> None:
    """Lowers this process's high-water mark to what it holds now."""
    (PROCESS / "clear_refs").write_text("5")


def inherited() -> Json:
    """What children of a process that holds 1 GiB say about themselves, each way of starting them."""
    return fresh(_inherited)


def _inherited() -> Json:
    server = multiprocessing.get_context("forkserver")
    before = _child(server)  # the server starts here, while this process is still small
    held = bytearray(HELD)
    held[::4096] = b"\x01" * len(held[::4096])
    found: dict[str, Json] = {
        "forkserver_before": before,
        "parent_held": HELD,
        "exec": _executed(),
        "spawn": _child(multiprocessing.get_context("spawn")),
        "forkserver": _child(server),
        "fork": _child(multiprocessing.get_context("fork")),
    }
    del held
    gc.collect()
    found["exec_after_the_parent_freed"] = _executed()
    reset()
    found["exec_after_the_parent_reset_its_mark"] = _executed()
    return found


def _executed() -> Json:
    told = subprocess.run([sys.executable, "-c", ASK], check=True, capture_output=True, text=True).stdout.split()
    return {"ru_maxrss": int(told[0]) * 1024, "vmhwm": int(told[1]) * 1024}


def _child(context: Starter) -> Json:
    answers = context.SimpleQueue()
    child = context.Process(target=_tell, args=(answers.put,))
    child.start()
    found: Json = answers.get()
    child.join()
    return found


def _tell(answer: Callable[[Json], None]) -> None:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    answer({"ru_maxrss": most, "vmhwm": status("VmHWM")})


def resting() -> Json:
    """Resident size with torch and timm and nothing done: of a fresh process, and of a forked child."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["harness.preload"])
    answers = context.SimpleQueue()
    child = context.Process(target=_tell_resting, args=(answers.put,))
    child.start()
    forked: dict[str, int] = answers.get()
    child.join()
    return {"fresh": {**fresh(_resting)}, "forked": {**forked}}


def _resting() -> dict[str, int]:
    import timm  # noqa: F401
    import torch  # noqa: F401

    return {"resident": status("VmRSS"), "of_it_own": status("RssAnon")}


def _tell_resting(answer: Callable[[dict[str, int]], None]) -> None:
    answer(_resting())


def trimmed() -> Json:
    """The same work twice in a process: with the heap that the first freed kept, and with it given back before."""
    return fresh(_trimmed)


def _trimmed() -> Json:
    def work() -> bytearray:
        pieces = [bytearray(PIECE) for _ in range(PIECES)]
        return pieces[-1]

    kept = work()  # the last one lies above the others, so that their room stays with the process
    reset()
    before = status("VmRSS")
    kept += work()[:1]
    without = status("VmHWM") - before
    probe = HostProbe()
    probe.start()
    work()
    peak = probe.stop()
    return {
        "work": PIECE * PIECES,
        "seen_without_giving_back": without,
        "seen_by_the_probe": peak.peak_bytes - peak.resting_bytes,
    }


def units() -> Json:
    """One size in the units that tools call MB: 10^6, 2^20 and, where ru_maxrss is taken for KB, 10^3 of KiB."""
    size = 100 * MIB
    return {
        "bytes": size,
        "MB": rounded(size / MB),
        "MiB": rounded(size / MIB),
        "GB_over_GiB": rounded(2**30 / 10**9),
        "ru_maxrss_unit_here": 1024 if sys.platform != "darwin" else 1,
    }


TRAPS = {
    "inherited": inherited,
    "resting": resting,
    "trimmed": trimmed,
    "units": units,
}
