"""What an element of a job array runs on its node: the worker, as a child of submitit's own process."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission


class Element:
    """Runs one worker; where Slurm takes the node away or the time is up, it is queued again and does what is left."""

    def __call__(self, command: Sequence[str]) -> int:
        """Exit code of the worker."""
        return subprocess.call(command, stdin=subprocess.DEVNULL)

    def checkpoint(self, command: Sequence[str]) -> DelayedSubmission:
        """What submitit queues again: the same, since a worker passes over every trial that has its good record."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, command)
