"""What every executor must do: start a worker for a job somewhere, and know whether it still runs."""

from __future__ import annotations

import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from harness.device import pieces
from harness.records import Failure
from harness.registry import Registry
from harness.resources import Resources
from harness.schema import Options, Plugin

T = TypeVar("T")
POLL_S = 0.1
BURIAL_S = 5.0  # for what was ended now to be gone


class Handle(Protocol):
    """A job that was handed over."""

    def is_running(self) -> bool:
        """False once the worker has ended, however."""

    def end(self, now: bool) -> None:
        """Asks the worker to end its children and itself, or ends it now; does not wait."""

    @classmethod
    def end_all(cls, handles: Sequence[Any], now: bool) -> None:
        """`end` of several of this kind, in this order; one command where that ends them all."""
        for handle in handles:
            handle.end(now)

    def state(self) -> str:
        """Whether it waits or runs, and where, in words; jobs in the same state say the same."""

    def log(self) -> str:
        """Where that stands which its worker printed, as a path from the study's folder."""

    def failure(self) -> Failure | None:
        """Why the job ended, where whoever ran it knows more than that it is gone."""

    def where(self) -> Options:
        """What `attach` of its executor finds it again by."""


class Executor(Plugin, ABC):
    """Where jobs run. Each starts the worker as a process of its own, and none imports it."""

    is_here: ClassVar[bool] = True  # runs on this machine, so its machine class is known before
    can_detach: ClassVar[bool] = False  # its jobs outlive the launcher where they are told to

    def deal(self, trials: Sequence[T]) -> list[Sequence[T]]:
        """The trials of each job, in order; none is empty."""
        return [trials] if trials else []

    def with_needs(self, resources: Resources) -> Executor:
        """The executor for jobs with needs of their own, where it has options for them."""
        return self

    @abstractmethod
    def start(
        self, jobs: Sequence[Path], logs: Path, resources: Resources, device: str, after: Sequence[Handle] = ()
    ) -> list[Handle]:
        """Hands the jobs over, one handle each; `resources.timeout_min` is for one trial, and workers keep to it.

        None starts before those of `after` have ended, however; that is for executors elsewhere alone.
        """

    def attach(self, jobs: Sequence[tuple[Path, Options]]) -> list[Handle | None]:
        """Handles of jobs that another launcher handed over, by what they said of `where`; None where that is nothing.

        Jobs that end with their launcher are never found again.
        """
        return [None] * len(jobs)


def stop(handles: Sequence[Handle], patience_s: float) -> None:
    """Asks all to end, waits, and ends those that have not by then; a second Ctrl-C ends the patience."""
    end_all(handles, now=False)
    _wait(handles, patience_s)
    end_all([handle for handle in handles if handle.is_running()], now=True)
    _wait(handles, BURIAL_S)


def end_all(handles: Sequence[Handle], now: bool) -> None:
    """Asks all to end, or ends them now, the last first: jobs that wait for others to end would begin else."""
    kinds: Iterator[tuple[type[Handle], Iterator[Handle]]] = groupby(reversed(handles), type)
    for kind, alike in kinds:
        kind.end_all([*alike], now)


def _wait(handles: Sequence[Handle], limit_s: float) -> None:
    deadline = time.monotonic() + limit_s
    with suppress(KeyboardInterrupt):
        while time.monotonic() < deadline and any(handle.is_running() for handle in handles):
            time.sleep(POLL_S)


def gpus_for(resources: Resources, device: str) -> int:
    """GPUs that a job asks for on its node: as stated, else those that the device names."""
    if resources.gpus_per_node is not None:
        return resources.gpus_per_node
    return 0 if device == "cpu" else len(pieces(device))


def worker_command(job_file: Path) -> list[str]:
    """How a worker is started, on any machine with the same files and environment."""
    return [sys.executable, "-m", "harness.worker", str(job_file)]


executors: Registry[Executor] = Registry("executor", "harness.executors")
