"""Trials on this machine, one after another, by one worker that the launcher starts and watches."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from harness.executors.base import Executor, Handle, executors, worker_command
from harness.process_mark import is_gone, is_here, mark
from harness.records import Failure
from harness.resources import Resources
from harness.schema import Options


class Process(Handle):
    """A worker in a session of its own: the launcher's child, or one that another launcher left behind."""

    def __init__(self, job_file: Path, found: Options, child: subprocess.Popen[bytes] | None = None) -> None:
        self._job = job_file.stem
        self._found = found
        self._child = child

    def is_running(self) -> bool:
        return self._child.poll() is None if self._child is not None else not is_gone(self._found)

    def end(self, now: bool) -> None:
        # Its number may be another's, here or by now; and a note can name any process that there is.
        if self._child is None and not (is_here(self._found) and self._is_worker()):
            return
        pid = int(str(self._found["pid"]))
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if now:
                os.killpg(pid, signal.SIGKILL)
            else:
                os.kill(pid, signal.SIGTERM)
        if now and self._child is not None:
            self._child.wait()

    def _is_worker(self) -> bool:
        """Whether the process says of itself that it is the worker of this job."""
        try:
            words = Path(f"/proc/{int(str(self._found['pid']))}/cmdline").read_text(encoding="utf-8").split("\0")
        except (OSError, ValueError):
            return False
        return "harness.worker" in words and any(Path(word).stem == self._job for word in words)

    def state(self) -> str:
        return "running here"

    def log(self) -> str:
        return f"logs/{self._job}.log"

    def failure(self) -> Failure | None:
        return None

    def where(self) -> Options:
        return self._found


@executors.register("inline")
class Inline(Executor):
    """Runs the trials here, one after another; ends with the launcher unless it was told to stay."""

    can_detach: ClassVar[bool] = True

    def start(
        self, jobs: Sequence[Path], logs: Path, resources: Resources, device: str, after: Sequence[Handle] = ()
    ) -> list[Handle]:
        return [_started(job, logs) for job in jobs]

    def attach(self, jobs: Sequence[tuple[Path, Options]]) -> list[Handle | None]:
        return [Process(file, where) if isinstance(where.get("pid"), int) else None for file, where in jobs]


def _started(job_file: Path, logs: Path) -> Process:
    # A session of its own: Ctrl-C reaches the launcher alone, which then decides what ends, and how.
    with (logs / f"{job_file.stem}.log").open("ab") as log:
        child = subprocess.Popen(
            worker_command(job_file), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    return Process(job_file, mark(child.pid), child)
