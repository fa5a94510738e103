"""Trials on the nodes of a cluster: job arrays through submitit, every element a worker with some of the trials."""

from __future__ import annotations

import functools
import re
import shlex
import shutil
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

import harness
from harness.errors import DeviceError
from harness.executors.base import Executor, Handle, T, executors, gpus_for, worker_command
from harness.executors.element import Element
from harness.executors.slurm_queue import Queue, base_of, end_of, run
from harness.jobs import EventTail, events_path, read_job
from harness.records import Failure
from harness.resources import Resources, only_trains
from harness.retries import Retries
from harness.schema import Options
from harness.slurm_options import PREFIX, SlurmOptions

if TYPE_CHECKING:
    import submitit

JOB_ID = re.compile(r"\d+(_\d+)?")
MARGIN_MIN = 15  # for the start of a worker and the models that are trained ahead
KEEPING = 0.8  # share of the time between a warning and the end in which a training may keep where it stands
MB_PER_GB = 1024
LARGEST_ARRAY = 1_000  # what Slurm allows unless it says otherwise
COMMANDS = ("sbatch", "srun", "squeue", "scancel")


class ArrayElement(Handle):
    """A job in Slurm's queue."""

    def __init__(self, job_id: str, job_file: Path, queue: Queue, folder: str) -> None:
        self.job_id = job_id
        self._folder = folder
        self._queue = queue
        self._tail = EventTail(events_path(job_file))
        self._has_finished = False

    def is_running(self) -> bool:
        # A worker that has said its last word is believed before any queue.
        self._has_finished |= any(event["event"] == "finished" for event in self._tail.new())
        return not self._has_finished and self._queue.holds(self.job_id)

    def end(self, now: bool) -> None:
        self.end_all([self], now)

    @classmethod
    def end_all(cls, handles: Sequence[ArrayElement], now: bool) -> None:
        # The worker ends its children and itself when it is told; Slurm ends whoever does not, in its own time.
        how = ["--signal=KILL", "--full"] if now else []
        for queue, alike in groupby(handles, lambda one: one._queue):
            run(["scancel", *how, *queue.in_short([one.job_id for one in alike])])

    def where(self) -> Options:
        return {"job_id": self.job_id, "folder": self._folder}

    def state(self) -> str:
        return self._queue.state(self.job_id)

    def log(self) -> str:
        return f"logs/{self._folder}/{self.job_id}_0_log.err"

    def failure(self) -> Failure | None:
        return self._told_end

    @functools.cached_property
    def _told_end(self) -> Failure | None:
        return end_of(self.job_id)  # once: the accounting lags, and an answer may take seconds


@executors.register("slurm")
class Slurm(SlurmOptions, Executor):
    """Runs the trials on a Slurm cluster, as few job arrays through submitit; `slurm_*` are submitit's names."""

    needs = ("submitit",)
    is_here: ClassVar[bool] = False
    can_detach: ClassVar[bool] = True

    trials_per_job: int = Field(20, ge=1, le=10_000, description="trials that one worker runs, one after another")
    timeout_min: int | None = Field(None, ge=1, description="limit of a job; default: of all its trials and some more")
    python: str | None = Field(None, description="command of the interpreter on the nodes; default: this one")
    slurm_array_parallelism: int = Field(256, ge=1, description="jobs that run at a time")
    slurm_signal_delay_s: int = Field(60, ge=0, description="seconds between the warning and the end of a job")

    def deal(self, trials: Sequence[T]) -> list[Sequence[T]]:
        # In the order of the grid, so that trials of one model mostly share a worker.
        size = self.trials_per_job
        return [trials[first : first + size] for first in range(0, len(trials), size)]

    def with_needs(self, resources: Resources) -> Slurm:
        size = resources.trials_per_job or self.trials_per_job
        return self.model_copy(update={**resources.for_slurm(), "trials_per_job": size})

    def start(
        self, jobs: Sequence[Path], logs: Path, resources: Resources, device: str, after: Sequence[Handle] = ()
    ) -> list[Handle]:
        missing = [name for name in COMMANDS if shutil.which(name) is None]
        if missing:
            raise DeviceError(
                f"executor slurm: not on PATH here: {', '.join(missing)}; log in where jobs are submitted"
            )
        first_job = read_job(jobs[0])  # has the most trials, for the last one alone may have fewer
        restarts = first_job.retries.get("preempted", Retries().preempted).times
        behind = [one.job_id for one in after if isinstance(one, ArrayElement)]
        trains = only_trains(first_job.stages)
        parameters = self.parameters(resources, device, len(first_job.assignments), behind, trains)
        largest = _largest_array()
        submitted: list[tuple[str, str]] = []
        for number, first in enumerate(range(0, len(jobs), largest)):
            part = jobs[first : first + largest]
            # A folder of its own for every array: submitit gives back an old result where ids repeat.
            folder = f"submitit-{part[0].stem}-{number}"
            try:
                found = self._submitted(part, logs / folder, parameters, restarts)
            except BaseException:
                if submitted:  # all or nothing: nobody would know of the arrays before this one
                    run(["scancel", *(job_id for job_id, _ in submitted)])
                raise
            submitted += [(job.job_id, folder) for job in found]
        queue = Queue([job_id for job_id, _ in submitted])
        return [ArrayElement(job_id, f, queue, folder) for (job_id, folder), f in zip(submitted, jobs, strict=True)]

    def attach(self, jobs: Sequence[tuple[Path, Options]]) -> list[Handle | None]:
        ids = [str(where.get("job_id")) for _, where in jobs]
        known = {job_id for job_id in ids if JOB_ID.fullmatch(job_id)}
        queue = Queue(sorted(known), is_known=False)
        return [
            ArrayElement(job_id, file, queue, str(where.get("folder", ""))) if job_id in known else None
            for job_id, (file, where) in zip(ids, jobs, strict=True)
        ]

    def _submitted(
        self, jobs: Sequence[Path], folder: Path, parameters: dict[str, Any], restarts: int
    ) -> list[submitit.Job[int]]:
        from submitit.core.utils import FailedJobError, FailedSubmissionError
        from submitit.slurm.slurm import SlurmExecutor

        executor = SlurmExecutor(folder=folder, max_num_timeout=restarts, python=self.python)
        executor.update_parameters(**parameters)
        try:
            return executor.map_array(Element(self._patience_s), [self._command(job) for job in jobs])
        except (FailedJobError, FailedSubmissionError, OSError) as error:
            raise DeviceError(f"executor slurm: nothing was submitted: {_last_line(error)}") from None

    def parameters(
        self, resources: Resources, device: str, trials: int, after: Sequence[str] = (), trains: bool = False
    ) -> dict[str, Any]:
        """What submitit writes into the script of jobs of so many trials, by the names of its SlurmExecutor.

        They start when the arrays have ended, however, of which the job ids of `after` are elements. `trains`: all that
        they do is trainings, which go on from their checkpoints when a job is queued again.
        """
        own = {key.removeprefix(PREFIX): value for key, value in self if key.startswith(PREFIX)}
        asked = {
            "job_name": "harness",
            "time": self._minutes(resources, trials, trains),
            "cpus_per_task": resources.cpus_per_task,
            "mem": None if resources.mem_gb is None else f"{round(resources.mem_gb * MB_PER_GB)}MB",
            "gpus_per_node": gpus_for(resources, device) or None,
            "nodes": resources.nodes,
            "ntasks_per_node": resources.tasks_per_node,
        }
        found = {key: value for key, value in (own | asked).items() if _is_stated(key, value)}
        found["setup"] = [*_search_path(Path(harness.__file__).resolve().parent.parent), *(self.slurm_setup or ())]
        # Of processes that share a training, none waits for one that died.
        arguments = [*(["--kill-on-bad-exit=1"] if resources.tasks > 1 else []), *(self.slurm_srun_args or ())]
        found |= {"srun_args": arguments} if arguments else {}
        return found | ({"additional_parameters": self._behind(after)} if after else {})

    def _behind(self, after: Sequence[str]) -> dict[str, Any]:
        others = self.slurm_additional_parameters or {}
        arrays = dict.fromkeys(map(base_of, after))
        stated = [str(others["dependency"])] if "dependency" in others else []
        return {**others, "dependency": ",".join([*stated, ":".join(["afterany", *arrays])])}

    @property
    def _patience_s(self) -> float:
        """How long a job may take to end once it is warned; then it is queued again, while there is time for that."""
        return self.slurm_signal_delay_s * KEEPING

    def _minutes(self, resources: Resources, trials: int, trains: bool) -> int:
        """Long enough that the worker's own limit for a trial is met before Slurm's, one in twice the time included.

        A job of one training asks for no more than that may take: it is queued again where the time does not suffice.
        """
        if self.timeout_min is None and trains and trials == 1:
            return resources.minutes + MARGIN_MIN
        if self.timeout_min is None:
            return (trials + 2) * resources.minutes + MARGIN_MIN
        if self.timeout_min <= resources.minutes and not trains:
            raise DeviceError(
                f"executor.timeout_min: a job of {self.timeout_min} min cannot hold one trial, "
                f"which may take {resources.minutes} (resources: timeout_min)"
            )
        return self.timeout_min

    def _command(self, job_file: Path) -> list[str]:
        command = worker_command(job_file)
        return command if self.python is None else [*shlex.split(self.python), *command[1:]]


def _is_stated(key: str, value: Any) -> bool:
    """No and nothing are what submitit takes without a word, but for srun; a delay of 0 seconds is a delay."""
    return value is not None and value not in ((), {}) and (value is not False or key == "use_srun")


def _search_path(root: Path) -> list[str]:
    """A checkout is named to the nodes; an installed package is found by itself, and its folder would hide others."""
    is_installed = root.name in ("site-packages", "dist-packages")
    return [] if is_installed else [f'export PYTHONPATH={shlex.quote(str(root))}"${{PYTHONPATH:+:$PYTHONPATH}}"']


def _largest_array() -> int:
    answer = run(["scontrol", "show", "config"])
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", answer.stdout, re.MULTILINE)
    return max(int(found[1]) - 1, 1) if found else LARGEST_ARRAY


def _last_line(error: Exception) -> str:
    """What sbatch said; submitit puts it last."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:300] if lines else type(error).__name__
