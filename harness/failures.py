"""Why a trial failed, in the few classes that decide whether it is worth trying again."""

from __future__ import annotations

import re
import signal
import sys
import traceback
from pathlib import Path

from harness.anonymity import without_names
from harness.errors import StageAbsentError, StoreError
from harness.records import Failure, FailureClass

# What CUDA says when the GPU, or its context in this process, is gone for good.
LOST = re.compile(
    r"CUDA error: (?:unspecified launch failure|an illegal memory access|device-side assert|uncorrectable ECC error"
    r"|unknown error|hardware|misaligned|the launch timed out|invalid device context|driver shutting down"
    r"|.*(?:unavailable|fallen off|lost|context is destroyed))|GPU is lost|no CUDA-capable device",
    re.IGNORECASE,
)
FAILED_RECORD = 73  # exit code of a child whose record says that its trial failed
UNWRITTEN = 74  # exit code of a child that could not write its record, as sysexits.h calls it
RETRIED: frozenset[FailureClass] = frozenset({"preempted", "node_failure", "killed", "lost"})


def classified(error: BaseException) -> FailureClass:
    """The class of an exception: out of memory on device or host, a GPU that is gone, not a number, or an error."""
    if type(error).__name__ == "OutOfMemoryError" or "CUDA out of memory" in str(error):
        return "oom_gpu"
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
        return "oom_host"
    if isinstance(error, StageAbsentError):
        return "lost"
    if is_lost(error):
        return "node_failure"
    return "numerical" if isinstance(error, ArithmeticError) else "error"


def is_lost(error: BaseException) -> bool:
    """Whether an error means that the GPU is gone for this process: whatever is asked of it next fails as well."""
    return LOST.search(str(error)) is not None


def failure_of(error: BaseException, stage: str | None, log: str | None) -> Failure:
    """What a record keeps of an exception; file names lose the folders of this machine."""
    kind = classified(error)
    lines = traceback.format_exception(error)
    return Failure(
        **{"class": kind},
        stage=stage,
        message=without_paths(f"{type(error).__name__}: {error}")[:2000],
        traceback=without_paths("".join(lines))[-20_000:],
        log=log,
        # A results folder that is full or gone is no fault of the trial, and is cured without a word to this command.
        retry=kind in RETRIED or isinstance(error, StoreError),
    )


def failure_of_exit(
    exit_code: int, stage: str | None, log: str | None, timeout_s: float | None = None, lacked_memory: bool = False
) -> Failure:
    """A child that ended without a word: killed by a signal, out of time, or gone with an exit code.

    `lacked_memory`: the kernel has ended a process of its control group meanwhile.
    """
    number = -exit_code if exit_code < 0 else None
    if timeout_s is not None:
        kind: FailureClass = "timeout"
        message = f"stopped after {timeout_s:g} s; resources.default.timeout_min gives it more"
    elif number == signal.SIGKILL and lacked_memory:
        kind, message = "oom_host", "the kernel killed it, for memory did not suffice (resources: mem_gb)"
    elif number is not None:
        kind = "killed"
        message = (
            f"killed by {signal.Signals(number).name}; out of memory is the usual reason when nobody did it by hand"
        )
    elif exit_code == UNWRITTEN:
        kind, message = "lost", "its record could not be written; its log says why"
    else:
        kind, message = "error", f"the process ended with exit code {exit_code} and wrote no record"
    return Failure(
        **{"class": kind},
        stage=stage,
        message=message,
        log=log,
        exit_code=None if number else exit_code,
        signal=number,
        retry=kind in RETRIED,
    )


def halted(log: str | None) -> Failure:
    """A training that somebody told to end, and not its worker."""
    return Failure(
        **{"class": "preempted"},
        message="its training was told to end by SIGTERM, and kept where it stood; the next run goes on from there",
        log=log,
        retry=True,
    )


def abandoned(processes: int, log: str | None) -> Failure:
    """A training of several processes, one of which is gone without a word."""
    message = f"one of the {processes} processes of its training is gone, and left no word"
    return Failure(**{"class": "lost"}, message=message, log=log, retry=True)


def lost(log: str | None) -> Failure:
    """A trial whose worker is gone."""
    return Failure(**{"class": "lost"}, message="its worker ended while it ran", log=log, retry=True)


def without_paths(text: str) -> str:
    """The text with absolute folders cut: paths are relative to their package, or to where the command ran.

    Names and addresses of machines go as well: a message may hold whatever the code that failed had at hand.
    """
    folders = {place.rstrip("/") for place in (*sys.path, str(Path.cwd()), str(Path.home()))}
    for folder in sorted(folders - {""}, key=len, reverse=True):
        text = text.replace(f"{folder}/", "")
    # In quotes a folder may hold spaces, and marks of the other kind.
    text = re.sub(r"""(?<!\w)(['"])/(?:(?!\1)[^\n])*/(?=(?:(?!\1)[^\n])*\1)""", r"\1.../", text)
    return without_names(re.sub(r"(?<![\w.])(?<!\w['\"])/(?:[\w.+@~=%(),:#-]+/)+", ".../", text))
