"""What an element of a job array runs on its node: the worker, as a child of submitit's own process."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission

POLL_S = 0.1
TOLD_TO_END = 128 + signal.SIGTERM  # the exit code of a worker that was


class Element:
    """Runs one worker; where Slurm takes the node away or the time is up, it is queued again and does what is left.

    Before that the worker has `patience_s` seconds to end, in which a training keeps where it stands. In a job of
    several tasks each runs a worker that is told which it is, and one that dies takes its task with it, so that Slurm
    ends the others.
    """

    def __init__(self, patience_s: float = 0.0) -> None:
        self.patience_s = patience_s
        self._pid: int | None = None

    def __call__(self, command: Sequence[str]) -> int:
        """Exit code of the worker."""
        which = _which()
        worker = subprocess.Popen([*command, *which], stdin=subprocess.DEVNULL)
        self._pid = worker.pid
        exit_code = worker.wait()
        if which and exit_code not in (0, TOLD_TO_END):
            _end_alike(exit_code)
        return exit_code

    def checkpoint(self, command: Sequence[str]) -> DelayedSubmission:
        """What submitit queues again: the same, since a worker passes over every trial that has its good record."""
        from submitit.helpers import DelayedSubmission

        deadline = time.monotonic() + self.patience_s
        # Not by the process object, for which the call above waits: this runs in the middle of it.
        while time.monotonic() < deadline and not _has_ended(self._pid):
            time.sleep(POLL_S)
        return DelayedSubmission(Element(self.patience_s), command)


def _which() -> list[str]:
    """The worker's arguments in a job of several tasks: its rank among so many, that on its node, and which start."""
    from submitit import JobEnvironment

    found = JobEnvironment()
    if found.num_tasks == 1:
        return []
    start = f"{found.raw_job_id}-{os.environ.get('SLURM_RESTART_COUNT', '0')}"
    return [str(found.global_rank), str(found.num_tasks), str(found.local_rank), start]


def _has_ended(pid: int | None) -> bool:
    if pid is None:
        return True
    with suppress(ChildProcessError):
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    return True


def _end_alike(exit_code: int) -> None:
    """By the same signal, or with an error, which submitit makes an exit code of 1."""
    if exit_code < 0:
        with suppress(OSError):  # SIGKILL has no handler
            signal.signal(-exit_code, signal.SIG_DFL)
        os.kill(os.getpid(), -exit_code)
    raise ChildProcessError(f"the worker ended with exit code {exit_code}")
