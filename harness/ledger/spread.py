"""The same work on many parts, by as many processes as there are cores."""

from __future__ import annotations

import gc
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

FEWEST = 4  # parts for which other processes are started
_work: list[Callable[[Any], bytes]] = []  # of a process that was started for it


def spread(work: Callable[[Any], bytes], parts: Sequence[Any]) -> Iterator[bytes]:
    """What `work` makes of each part, in their order; raises what it raises.

    Processes are forked, so that nothing but parts and bytes is sent; where they cannot be, all is done here.
    """
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1
    if cores < 2 or len(parts) < FEWEST:
        yield from map(work, parts)
        return
    with multiprocessing.get_context("fork").Pool(min(cores, len(parts)), _begin, (work,)) as pool:
        yield from pool.imap(_done, parts)


def _begin(work: Callable[[Any], bytes]) -> None:
    gc.freeze()  # what the parent made is not searched for garbage here, which would copy all of its memory
    _work[:] = [work]


def _done(part: Any) -> bytes:
    return _work[0](part)
