"""The C heap of this process: held for timings, given back for measurements of memory; how often pages were fetched.

glibc gives free memory back to the system by thresholds that move with what the process did before. So one network may
fetch thousands of pages in every step and an equal one none, and either state lasts for the rest of the process.
"""

from __future__ import annotations

import ctypes
import resource
import sys
from functools import cache
from typing import Any

# Parameters of glibc's mallopt, and the threshold at which nothing is ever given back.
TRIM_THRESHOLD = -1
MMAP_MAX = -4
NEVER = -1


@cache
def hold() -> bool:
    """From now on the process keeps what it frees, and large blocks come from the heap; False where that cannot be set.

    There is no way back: glibc's thresholds no longer move once they were set. An allocator that stands in for
    glibc's is not reached; `page_faults` tells.
    """
    mallopt = _of_glibc("mallopt")
    return mallopt is not None and bool(mallopt(MMAP_MAX, 0)) and bool(mallopt(TRIM_THRESHOLD, NEVER))


def give_back() -> None:
    """Returns to the system what was freed; does nothing where there is no glibc."""
    trim = _of_glibc("malloc_trim")
    if trim is not None:
        trim(0)


def page_faults() -> int:
    """Pages that this process has fetched without reading a disk, all threads together."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def _of_glibc(name: str) -> Any:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None  # musl has neither
