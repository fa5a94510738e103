"""What Slurm says of jobs: whether it still holds them, asked for all of them at once and seldom, and why one ended."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Sequence

from harness.failures import RETRIED
from harness.records import Failure, FailureClass

ASK_LIMIT_S = 30.0
SOONEST_S, LATEST_S = 2.0, 30.0  # between two questions; a worker that ends well is heard of without any
SHARE = 0.1  # of the time since the first question: who waits for hours need not ask every two seconds
HANDED_OVER = "handed over"
ACCOUNTING_TRIES, ACCOUNTING_S = 10, 0.5
UNKNOWN_IDS = ("invalid job id", "invalid job array")  # what squeue says when it has forgotten all of them

# Slurm's states at the end of a job, as sacct writes them.
CLASSES: dict[str, FailureClass] = {
    "BOOT_FAIL": "node_failure",
    "NODE_FAIL": "node_failure",
    "DEADLINE": "timeout",
    "TIMEOUT": "timeout",
    "OUT_OF_MEMORY": "oom_host",
    "PREEMPTED": "preempted",
    "CANCELLED": "killed",
}

ENDS = {*CLASSES, "FAILED", "COMPLETED"}

Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]


def run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """A command of Slurm's; one that is absent or hangs is one that failed."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=ASK_LIMIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, "", type(error).__name__)


class Queue:
    """The jobs of one submission in Slurm's queue."""

    def __init__(
        self,
        job_ids: Sequence[str],
        ask: Run = run,
        now: Callable[[], float] = time.monotonic,
        is_known: bool = True,
    ) -> None:
        """`is_known`: the jobs were handed over just now; else Slurm is asked before anything is said."""
        self._bases = sorted({base_of(job_id) for job_id in job_ids})
        self._ask = ask
        self._now = now
        self._begun = self._asked = now()
        self._held: dict[str, str] = dict.fromkeys(job_ids, HANDED_OVER)
        if job_ids and not is_known:
            self._look()

    def holds(self, job_id: str) -> bool:
        """Whether the job waits or runs, as far as was told last; a controller that does not answer changes nothing."""
        now = self._now()
        if now - self._asked >= min(max(SOONEST_S, SHARE * (now - self._begun)), LATEST_S):
            self._asked = now
            self._look()
        return job_id in self._held

    def state(self, job_id: str) -> str:
        """What was told last, in words: `running on node1`, `pending (Priority)`; empty for a job that is gone."""
        return self._held.get(job_id, "")

    def in_short(self, job_ids: Sequence[str]) -> list[str]:
        """The same jobs, an array by its own number where nothing else of it is held; Slurm ends that in one step."""
        others = {base_of(job_id) for job_id in self._held.keys() - {*job_ids}}
        return [*dict.fromkeys(one if base_of(one) in others else base_of(one) for one in job_ids)]

    def _look(self) -> None:
        wanted = ["--array", "--jobs", ",".join(self._bases), "--format", "%i|%T|%N|%r"]
        answer = self._ask(["squeue", "--noheader", *wanted])
        if answer.returncode == 0:
            rows = [line.split("|", 3) for line in answer.stdout.splitlines()]
            self._held = {row[0].strip(): _in_words(*row[1:]) for row in rows if len(row) == 4}
        elif any(words in answer.stderr.lower() for words in UNKNOWN_IDS):
            self._held = {}


def base_of(job_id: str) -> str:
    """The number of the array that an element belongs to."""
    return job_id.partition("_")[0]


def _in_words(state: str, node: str, reason: str) -> str:
    told = state.strip().lower()
    if told == "running":
        return f"running on {node.strip()}"
    return told if reason.strip() in ("", "None") else f"{told} ({reason.strip()})"


def end_of(job_id: str, ask: Run = run, wait: Callable[[float], None] = time.sleep) -> Failure | None:
    """How the accounting says that a job ended; None where there is none or it tells no reason.

    It learns of an end a moment after the queue, so it is asked again for some seconds.
    """
    only = ("--allocations", "--noheader", "--parsable2")
    for _ in range(ACCOUNTING_TRIES):
        answer = ask(["sacct", *only, "--jobs", job_id, "--format", "State,ExitCode"])
        if answer.returncode:
            return None
        found = re.match(r"([A-Z_]+)[^|\n]*\|(\d+):(\d+)", answer.stdout)
        if found is not None and found[1] in ENDS:
            return _failure(found[1], int(found[2]), int(found[3]))
        wait(ACCOUNTING_S)
    return None


def _failure(state: str, exit_code: int, signal: int) -> Failure | None:
    if state == "COMPLETED":
        return None
    kind = CLASSES.get(state, "killed" if signal else "error")
    how = f"signal {signal}" if signal else f"exit code {exit_code}"
    return Failure(
        **{"class": kind},
        message=f"Slurm ended its job: {state}, {how}",
        exit_code=exit_code or None,
        signal=signal or None,
        retry=kind in RETRIED,
    )
