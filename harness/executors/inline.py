"""Trials on this machine, one after another, by one worker that the launcher starts and watches."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from harness.executors.base import Executor, Handle, executors, worker_command
from harness.records import Failure
from harness.site import Resources


class Process:
    """A worker that is a child of the launcher."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def is_running(self) -> bool:
        return self.process.poll() is None

    def stop(self, patience_s: float) -> None:
        self.process.terminate()
        try:
            self.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def failure(self) -> Failure | None:
        return None


@executors.register("inline")
class Inline(Executor):
    """Runs the trials here, one after another; ends with the launcher."""

    def start(self, jobs: Sequence[Path], logs: Path, resources: Resources, device: str) -> list[Handle]:
        return [_started(job, logs) for job in jobs]


def _started(job_file: Path, logs: Path) -> Process:
    # A session of its own: Ctrl-C reaches the launcher alone, which then decides what ends, and how.
    with (logs / f"{job_file.stem}.log").open("ab") as log:
        process = subprocess.Popen(
            worker_command(job_file), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    return Process(process)
