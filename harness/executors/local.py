"""Trials on this machine through submitit, with submitit's own logs and time limit."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from harness.executors.base import Executor, Handle, T, executors, gpus_for, worker_command
from harness.records import Failure
from harness.resources import Resources
from harness.schema import Options

if TYPE_CHECKING:
    import submitit

WEEK_MIN = 7 * 24 * 60  # the worker keeps to each trial's own limit; submitit's default of 2 minutes would end a study


class SubmittedJob(Handle):
    """A worker inside a submitit job."""

    def __init__(self, job: submitit.Job[int], log: str) -> None:
        self.job = job
        self._log = log

    def is_running(self) -> bool:
        return not self.job.done()

    def end(self, now: bool) -> None:
        # This ends submitit's process only; the worker sees that it is gone, and ends its children and itself.
        self.job.cancel()

    def where(self) -> Options:
        return {}

    def state(self) -> str:
        return "running here"

    def log(self) -> str:
        return self._log

    def failure(self) -> Failure | None:
        return None


@executors.register("local")
class Local(Executor):
    """Runs the trials here through submitit; `jobs` workers side by side disturb each other's timings."""

    needs = ("submitit",)

    jobs: int = Field(1, ge=1, le=256, description="workers at a time; more than one taints timings")
    nice: int = Field(0, ge=0, le=19, description="lowers the priority of the workers")

    def deal(self, trials: Sequence[T]) -> list[Sequence[T]]:
        return [trials[slot :: self.jobs] for slot in range(min(self.jobs, len(trials)))]

    def start(
        self, jobs: Sequence[Path], logs: Path, resources: Resources, device: str, after: Sequence[Handle] = ()
    ) -> list[Handle]:
        return [self._started(job, logs, resources, device) for job in jobs]

    def _started(self, job_file: Path, logs: Path, resources: Resources, device: str) -> SubmittedJob:
        import submitit

        # A folder of its own for every job: submitit gives back an old result where ids repeat.
        folder = f"submitit-{job_file.stem}"
        executor = submitit.LocalExecutor(folder=logs / folder)
        executor.update_parameters(**_parameters(resources, device))
        return SubmittedJob(executor.submit(subprocess.call, _command(job_file, self.nice)), f"logs/{folder}")


def _command(job_file: Path, nice: int) -> list[str]:
    return (["nice", "-n", str(nice)] if nice else []) + worker_command(job_file)


def _parameters(resources: Resources, device: str) -> dict[str, Any]:
    # Without gpus_per_node submitit hides every GPU from the job.
    return {"timeout_min": WEEK_MIN, "gpus_per_node": gpus_for(resources, device), "name": "harness"}
