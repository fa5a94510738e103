"""Work that another process does meanwhile, on a machine with a core to spare."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

MANY = 20_000  # rows from which on a process of its own is worth its start


@contextmanager
def aside(work: Callable[[], None], rows: int) -> Iterator[None]:
    """Does `work` while the block runs, and has done it at the end; raises what the work raises.

    Of few rows, or where processes cannot be forked, it is done after the block; so it is where the other process
    failed, which then tells why.
    """
    child = os.fork() if rows >= MANY and sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1 else None
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)  # nothing of the parent's is written or cleared away twice
    is_done = False
    try:
        yield
    finally:
        is_done = child is not None and os.waitpid(child, 0)[1] == 0
    if not is_done:
        work()
