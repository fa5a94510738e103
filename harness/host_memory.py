"""Peak memory of this process in one phase: what it took above what was there before."""

from __future__ import annotations

import mmap
import re
import resource
import sys
from dataclasses import dataclass
from pathlib import Path

from harness import heap

RESOLUTION_PAGES = 64  # Linux adds resident pages to the total in batches of up to 64 per thread
PROCESS = Path("/proc/self")


@dataclass(frozen=True)
class Peak:
    """The phase's highest use and the use at rest before it; `method` says how both were read.

    `is_hidden` means that the highest use could not be reset and an earlier phase was higher. `reserved_bytes` is what
    the allocator took from the GPU, `allocator_retries` how often it had to free its cache first.
    """

    peak_bytes: int
    resting_bytes: int
    resolution_bytes: int
    method: str
    is_hidden: bool = False
    reserved_bytes: int | None = None
    allocator_retries: int | None = None

    @property
    def above_bytes(self) -> int | None:
        """Peak minus rest; None where that cannot be seen."""
        return None if self.reason else self.peak_bytes - self.resting_bytes

    @property
    def reason(self) -> str | None:
        """Why the rise cannot be seen; None when it can."""
        if self.is_hidden:
            return "hidden: an earlier phase of the process used more, and its peak cannot be reset here"
        if self.peak_bytes - self.resting_bytes < self.resolution_bytes:
            return f"below resolution: the phase took less than {self.resolution_bytes} bytes above the process at rest"
        return None


class HostProbe:
    """Linux: the high-water mark is reset by writing 5 to clear_refs, then read as VmHWM.

    Where it cannot be reset only a new maximum is seen. Elsewhere ru_maxrss stands in; on Linux it is never used,
    because a process inherits it from its parent.
    """

    def __init__(self, process: Path = PROCESS) -> None:
        self._process = process

    def start(self) -> None:
        """Begins a phase."""
        # Heap that was freed but not given back would be used again unseen.
        heap.give_back()
        self._is_reset = self._reset()
        self._highest = self._high_water()
        self._rest = self._field("VmRSS") or self._highest

    def stop(self) -> Peak:
        """Ends the phase."""
        top = self._high_water()
        hidden = not self._is_reset and top <= self._highest
        return Peak(top, self._rest, RESOLUTION_PAGES * mmap.PAGESIZE, self._method(), hidden)

    def _reset(self) -> bool:
        try:
            (self._process / "clear_refs").write_text("5")
        except OSError:
            return False
        return self._field("VmHWM") is not None

    def _high_water(self) -> int:
        marked = self._field("VmHWM")
        if marked is not None:
            return marked
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

    def _field(self, name: str) -> int | None:
        try:
            found = re.search(rf"^{name}:\s+(\d+) kB$", (self._process / "status").read_text(), re.MULTILINE)
        except OSError:
            return None
        return int(found[1]) * 1024 if found else None

    def _method(self) -> str:
        if self._is_reset:
            return "VmHWM after a reset"
        return "VmHWM without a reset" if self._field("VmHWM") is not None else "ru_maxrss without a reset"
