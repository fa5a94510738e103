"""What every executor must do: start a worker for a job somewhere, and know whether it still runs."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, Protocol

from harness.registry import Registry
from harness.schema import Plugin
from harness.site import Resources


class Handle(Protocol):
    """A job that was handed over."""

    def is_running(self) -> bool:
        """False once the worker has ended, however."""

    def stop(self, patience_s: float) -> None:
        """Asks the worker to end its children and itself; ends it after `patience_s` seconds."""


class Executor(Plugin, ABC):
    """Where jobs run. Each starts the worker as a process of its own, and none imports it."""

    is_here: ClassVar[bool] = True  # runs on this machine, so its machine class is known before

    @property
    def parallel(self) -> int:
        """How many jobs share the trials."""
        return 1

    @abstractmethod
    def start(self, job_file: Path, logs: Path, resources: Resources, device: str) -> Handle:
        """Hands one job over; `resources.timeout_min` is for one trial, and the worker keeps to it."""


def worker_command(job_file: Path) -> list[str]:
    """How a worker is started, on any machine with the same files and environment."""
    return [sys.executable, "-m", "harness.worker", str(job_file)]


executors: Registry[Executor] = Registry("executor", "harness.executors")
