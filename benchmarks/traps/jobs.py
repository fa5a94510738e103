"""Traps of running trials through submitit on one machine."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import submitit
from submitit.core.job_environment import SignalHandler
from submitit.core.utils import DelayedSubmission
from submitit.local.local import LocalJobEnvironment

from benchmarks.traps.processes import variables
from benchmarks.traps.spreads import rounded
from harness.schema import Json

JOBS = 6
LASTS_S = 4.0  # so long that all of them can have begun


@contextmanager
def _executor(**given: Any) -> Iterator[submitit.LocalExecutor]:
    with tempfile.TemporaryDirectory() as folder:
        executor = submitit.LocalExecutor(folder=folder)
        executor.update_parameters(**{"timeout_min": 5, **given})
        yield executor


def visible_gpus() -> str | None:
    """Which GPUs a job may see."""
    return os.environ.get("CUDA_VISIBLE_DEVICES")


def hidden_gpus() -> Json:
    """What a local job sees where its submitter sees GPU 0: as it comes, and with gpus_per_node."""
    found: dict[str, Json] = {}
    with variables({"CUDA_VISIBLE_DEVICES": "0"}):
        for name, given in {"as_it_comes": {}, "gpus_per_node": {"gpus_per_node": 1}}.items():
            with _executor(**given) as executor:
                found[name] = executor.submit(visible_gpus).result()
    return found


def stay(_: int) -> tuple[float, float]:
    """When a job began and when it ended."""
    begun = time.time()
    time.sleep(LASTS_S)
    return begun, time.time()


def no_queue() -> Json:
    """When the six jobs of one array began, how many ran at once, and the files that they left."""
    with _executor() as executor:
        jobs = executor.map_array(stay, range(JOBS))
        times = [job.result() for job in jobs]
        files = sum(path.is_file() for path in Path(executor.folder).rglob("*"))
    last_begun, first_ended = max(begun for begun, _ in times), min(ended for _, ended in times)
    return {
        "jobs": JOBS,
        "began_within_s": rounded(last_begun - min(begun for begun, _ in times)),
        "all_ran_at_once": last_begun < first_ended,
        "files_left": files,
    }


def time_limit() -> float:
    """Seconds after which submitit ends the job that asks."""
    return float(os.environ["SUBMITIT_LOCAL_TIMEOUT_S"])


def time_limits() -> Json:
    """The limit that a local job has unasked; whether a signal in the first second of a job counts as a time-out."""
    found: dict[str, Json] = {}
    with tempfile.TemporaryDirectory() as folder:
        job = submitit.LocalExecutor(folder=folder).submit(time_limit)
        found["default_s"] = job.result()
        delayed = DelayedSubmission.load(job.paths.submitted_pickle)
        for minutes in (5, 9, 60):
            delayed._timeout_min = minutes
            handler = SignalHandler(LocalJobEnvironment(), job.paths, delayed)
            found[f"timed_out_at_once_of_{minutes}_min"] = handler.has_timed_out()
    return found


def kill_itself() -> None:
    """Ends as a process does that the system ends for its memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def fail() -> None:
    """Raises what a trial might."""
    raise ValueError("an error of Python")


def errors() -> Json:
    """The class of error that a killed job and a failed one give to whoever asks for their results."""
    work: dict[str, Callable[[], None]] = {"killed": kill_itself, "failed": fail}
    found: dict[str, Json] = {}
    with _executor() as executor:
        for name, function in work.items():
            error = executor.submit(function).exception()
            found[name] = None if error is None else type(error).__name__
    return found


TRAPS = {"hidden_gpus": hidden_gpus, "no_queue": no_queue, "time_limits": time_limits, "errors": errors}
