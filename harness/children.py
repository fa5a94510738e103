"""The processes that a worker starts: forked from a server that has the heavy modules loaded, ended with the worker."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Sequence
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any

WARNING = signal.SIGUSR2  # what Slurm sends through submitit before it takes a node away: the job ends, to be run again
KEEPING_S = 50.0  # for a training to come to the end of its step and keep where it stands
GRACE_S = 5.0


class Children:
    """What is started here is no other child's business: a crash or a leak ends with its process."""

    def __init__(self, preload: Sequence[str]) -> None:
        # Spinning OpenMP threads make a forward pass on a busy machine many times slower; read when torch loads.
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        self._context: ForkServerContext = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["harness.preload", *preload])
        self._started: list[ForkServerProcess] = []
        signal.signal(WARNING, signal.SIG_IGN)  # goes to every process of a job: children must not die of it
        # Slurm's SIGTERM too: the server must outlast its children, or the worker would not see them end. They hear it.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        forkserver.ensure_running()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})

    def start(self, run: Callable[..., None], *about: Any) -> ForkServerProcess:
        """A fresh process that runs a function of a module."""
        child = self._context.Process(target=run, args=about)
        child.start()
        self._started = [c for c in self._started if c.is_alive()] + [child]
        return child

    def end(self, within_s: float = KEEPING_S) -> None:
        """Asks all to end, which a training does once it has kept where it stands, and ends those that do not."""
        alive = [child for child in self._started if child.is_alive()]
        for child in alive:
            child.terminate()
        deadline = time.monotonic() + within_s
        for child in alive:
            child.join(max(deadline - time.monotonic(), 0.0))
        for child in alive:
            if child.is_alive():
                child.kill()
                child.join(GRACE_S)
