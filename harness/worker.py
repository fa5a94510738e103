"""What an executor starts (`python -m harness.worker JOB`): torch is imported once, each trial is a fresh child.

Where it starts several for one job (`... JOB RANK OF LOCAL START`), the first is this, and the others follow it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import deque
from contextlib import ExitStack
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import FrameType

from harness.board import Board, Member
from harness.child import run_child
from harness.children import WARNING, Children
from harness.device import pieces
from harness.device_queue import lease_folder, lease_name
from harness.failures import FAILED_RECORD, abandoned, failure_of_exit, halted
from harness.follower import Follower
from harness.jobs import Assignment, EventLog, Job, events_path, read_job
from harness.leases import lease
from harness.memory_kills import memory_kills
from harness.own_code import code_digest
from harness.pretrained import go_offline
from harness.records import STAGES, Failure
from harness.runs import failed_record, run_id_at
from harness.shared_failures import SharedFailures
from harness.store import Store
from harness.training.halting import ABANDONED, HALTED
from harness.turns import Over, Turn, turns_of

WORD_S = 10.0  # for a reason to come after its consequence


class Stopped(BaseException):
    """The worker was asked to end."""


def main(arguments: list[str]) -> int:
    """Runs every assignment of a job file; 0 when all of them have a record, whatever it says."""
    path, member = Path(arguments[0]), Member.of_words(arguments[1:])
    worker = Worker(read_job(path), path, member)
    for number in (signal.SIGTERM, signal.SIGINT, WARNING):
        signal.signal(number, worker.stop_soon)
    try:
        worker.run() if member.leads else worker.follow()
    except Stopped:
        worker.events.add("stopped")
        return 128 + signal.SIGTERM
    finally:
        worker.end_children()
    return 0


class Worker:
    """One process that starts a child per trial from a server that has the heavy modules loaded."""

    def __init__(self, job: Job, path: Path, member: Member) -> None:
        self.job = job
        self.path = path
        self.events = EventLog(events_path(path))
        self.store = Store(Path(job.results))
        self.shared_failures = SharedFailures(job)
        self.logs = Path(job.results) / job.study / "logs"
        self.leases = Path(job.results) / ".leases"
        self.devices = lease_folder(otherwise=self.leases)
        self._launcher = os.getppid()
        self._is_told_to_end = False
        _pin(job.slot, job.side_by_side)
        go_offline()
        self.board = Board(path, member)
        self.children = Children([*job.preload, *(["accelerate"] if member.of > 1 else [])])

    def run(self) -> None:
        """First the stages that many trials share, side by side; then the trials, one at a time on the device."""
        waiting = [*turns_of(self.job, self.path, self.store)]
        self.events.add("worker", pid=os.getpid())
        if self.board.member.of > 1:
            self.board.enter()
        if self.job.code not in ("", code_digest()):
            self._refuse()
            return
        self._prepare_ahead()
        for one in waiting:
            if isinstance(one, Over):
                self._say_end(one.assignment, one.failure)
        turns = deque(one for one in waiting if isinstance(one, Turn))
        while turns:
            self._heed()
            again = self._take(turns.popleft())
            if again is not None:  # behind all others, so that what fails holds up nobody
                turns.append(again)
        self.events.add("finished")
        self.board.close()

    def follow(self) -> None:
        """Helps the leader of the job to train, until it has run every trial."""
        if self.job.code in ("", code_digest()):  # else the leader refuses too, and says so
            Follower(self.job, self.path, self.board, self.children).run(self._heed)

    def _take(self, turn: Turn) -> Turn | None:
        """Runs a trial with its device to itself, unless another launcher has; gives the turn to try again with."""
        trial = turn.assignment.trial.id
        with ExitStack() as held:
            held.enter_context(lease(self.leases / f"trial-{trial}.lease", self._is_waited_for_in_vain))
            if self._is_done(turn.assignment):
                self.events.add("ended", trial=trial, status="ok", elsewhere=True)
                return None
            if self._is_hopeless(turn.assignment):
                return None
            names = {lease_name(device, self.job.slot) for device in pieces(self.job.device)}
            for name in sorted(names):  # in one order, so that nobody waits in a circle
                held.enter_context(lease(self.devices / name, self._is_waited_for_in_vain))
            failure, is_told = self._run(turn)
        if failure is None:
            return None
        following = turn.after(failure.kind, self.job.retries)
        self._tell(turn.assignment, failure, following is not None, is_told)
        if self.board.is_broken():  # whoever started the job ends the rest of it
            raise Stopped
        return following

    def _tell(self, assignment: Assignment, failure: Failure, has_another: bool, is_told: bool) -> None:
        """Says what became of an attempt; a child that could has written it down itself."""
        if not is_told:
            self._write_failure(assignment, failure, not has_another)
        elif has_another:
            self._say_again(assignment, failure)
        elif not self.job.is_last:
            self.shared_failures.settle(assignment, failure)

    def _refuse(self) -> None:
        """Numbers of two versions of the code must not stand in one study as if they were of one."""
        message = "the code of harness changed after this job was submitted; run the study again"
        failure = Failure(**{"class": "lost"}, message=message, log=f"logs/{self.job.id}.log", retry=True)
        for assignment in self.job.assignments:
            if not self._is_done(assignment):
                self._write_failure(assignment, failure)
        self.events.add("finished")
        self.board.close()

    def stop_soon(self, _number: int, _frame: FrameType | None) -> None:
        """Ends the run at its next look: an exception raised at any moment could be lost, or leave a child behind."""
        self._is_told_to_end = True

    def end_children(self) -> None:
        """No child outlives its worker; a training keeps first where it stands."""
        self.children.end()

    def _prepare_ahead(self) -> None:
        """Trains on all cores at once; timing comes later and has the machine for itself."""
        first = STAGES[0]
        makers = [one for one in self.job.assignments if one.makers.get(first) == one.trial.id]
        waiting = makers if first in self.job.stages else []
        is_alone = self.board.member.of == 1  # several processes have one training at a time
        slots = len(_cores()) if is_alone and len(waiting) > 1 and self._on_cpu() else 0
        if not slots:
            return
        running: list[ForkServerProcess] = []
        while waiting or running:
            running = [child for child in running if child.is_alive()]
            while waiting and len(running) < slots:
                running.append(self._start(waiting.pop(0), True))
            self._heed()
            time.sleep(0.05)

    def _on_cpu(self) -> bool:
        return self.job.device == "cpu"

    def _run(self, turn: Turn) -> tuple[Failure | None, bool]:
        """How the child failed, None where it did not, and whether it wrote that down itself."""
        trial = turn.assignment.trial.id
        kills = memory_kills()
        child = self._start(turn.assignment, False)
        deadline = time.monotonic() + turn.left_s
        is_late = is_let_down = False
        while child.is_alive() and not (is_late or is_let_down):
            child.join(min(0.2, max(deadline - time.monotonic(), 0.0)))
            self._heed()
            is_late, is_let_down = time.monotonic() >= deadline, self.board.lets_down()
        if child.is_alive():
            child.kill()
            child.join()
        exit_code, log = child.exitcode or 0, f"logs/{trial}.log"
        try:
            if exit_code in (0, FAILED_RECORD):
                return (self._told(trial) if exit_code else None), True
            if is_let_down or exit_code in (HALTED, ABANDONED):
                return self._failure_of_others(exit_code, log), False
            limit_s = turn.limit_s if is_late else None
            return failure_of_exit(exit_code, None, log, limit_s, memory_kills() != kills), False
        finally:
            self.board.dismiss()

    def _told(self, trial: str) -> Failure | None:
        """What a child wrote down of its failure."""
        runs = self.store.read(self.job.study, trial).records
        return runs[-1].failure if runs else None

    def _failure_of_others(self, exit_code: int, log: str) -> Failure:
        """A training that another process has ended: what that one says of it may come a moment later."""
        alone = self.board.member.of == 1
        deadline = time.monotonic() + (0.0 if alone else WORD_S)
        while not self.board.lets_down() and time.monotonic() < deadline:
            self._heed()
            time.sleep(0.1)
        told = self.board.fault()
        return told or (halted(log) if exit_code == HALTED else abandoned(self.board.member.of, log))

    def _start(self, assignment: Assignment, is_ahead: bool) -> ForkServerProcess:
        head = self.job.model_copy(update={"assignments": ()})
        return self.children.start(run_child, head, assignment, str(self.path), is_ahead, self.board.member)

    def _is_done(self, assignment: Assignment) -> bool:
        """Whether another launcher had the same trial run since this job was written."""
        runs = self.store.read(self.job.study, assignment.trial.id).records
        stamp = run_id_at(self.job.submitted)
        asked = {a.key for a in assignment.asked}
        return any(
            run.status == "ok" and run.run.id > stamp and asked <= {a.key for a in run.run.asked} for run in runs
        )

    def _is_hopeless(self, assignment: Assignment) -> bool:
        """Whether a stage that it shares with others failed in an earlier job; its own record tells so then."""
        trial = assignment.trial
        found = self.shared_failures.before(assignment)
        if found is None:
            return False
        if found.trial == trial.id:  # wrote its record when it happened
            self._say_end(assignment, found.failure)
            return True
        message = f"{found.stage} failed in {found.trial}: {found.failure.message}"
        self._write_failure(assignment, found.failure.model_copy(update={"message": message, "stage": found.stage}))
        return True

    def _write_failure(self, assignment: Assignment, failure: Failure, is_over: bool = True) -> None:
        """Every attempt is a record; the launcher hears of the last as the end."""
        self.store.write_record(failed_record(self.job, assignment, failure))
        if is_over and not self.job.is_last:
            self.shared_failures.settle(assignment, failure)
        (self._say_end if is_over else self._say_again)(assignment, failure)

    def _say_end(self, assignment: Assignment, failure: Failure) -> None:
        self.events.add("ended", trial=assignment.trial.id, status="failed", message=failure.message)

    def _say_again(self, assignment: Assignment, failure: Failure) -> None:
        self.events.add("again", trial=assignment.trial.id, status="failed", message=failure.message)

    def _is_waited_for_in_vain(self) -> bool:
        """No lease of a worker is; but a wait may last, and it ends with the launcher."""
        self._heed()
        return False

    def _heed(self) -> None:
        """Raises Stopped where the worker was told to end, or its launcher is gone."""
        if self._is_told_to_end or (self.job.follows_launcher and os.getppid() != self._launcher):
            raise Stopped


def _cores() -> list[int]:
    affinity = getattr(os, "sched_getaffinity", None)
    return sorted(affinity(0)) if affinity else [*range(os.cpu_count() or 1)]


def _pin(slot: int, side_by_side: int) -> None:
    """Workers side by side share no core, as far as there are enough; whatever they start inherits it."""
    cores = _cores()
    if 1 < side_by_side <= len(cores) and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores[slot::side_by_side])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
