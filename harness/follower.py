"""A worker that runs no trial of its own: whenever the leader of its job trains, it starts a process that joins in."""

from __future__ import annotations

import time
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from harness.board import Board, Call
from harness.child import follow_child
from harness.children import Children
from harness.failures import failure_of_exit
from harness.jobs import Job
from harness.memory_kills import memory_kills
from harness.training.halting import ABANDONED, HALTED

POLL_S = 0.2
QUIET = (0, HALTED, ABANDONED)  # exit codes of a process that has said itself what there is to say


class Follower:
    """One for every further process of a job; nothing that it does is kept but what it says of its end."""

    def __init__(self, job: Job, path: Path, board: Board, children: Children) -> None:
        self.job, self.path, self.board, self.children = job, path, board, children
        self._child: ForkServerProcess | None = None
        self._call: Call | None = None
        self._kills: int | None = None

    def run(self, heed: Callable[[], None]) -> None:
        """Until the leader has done all of its trials; `heed` is called often and may raise."""
        self.board.enter()
        while not self.board.is_over():
            heed()
            self._look(self.board.call())
            time.sleep(POLL_S)

    def _look(self, call: Call | None) -> None:
        is_another = call is None or self._call is None or call.token != self._call.token
        self._call = self._call if is_another else call  # it may train for another stage by now
        if self._child is not None and is_another:
            self._child.kill()  # its leader is gone, and it holds nothing that anyone waits for
            self._child.join()
            self._child = None
        if call is not None and is_another:
            self._call = call
            assignment = next(one for one in self.job.assignments if one.trial.id == call.trial)
            head = self.job.model_copy(update={"assignments": ()})
            self._kills = memory_kills()
            self._child = self.children.start(follow_child, head, assignment, str(self.path), call, self.board.member)
        if self._child is not None and self._call is not None and not self._child.is_alive():
            self._tell_end(self._child.exitcode or 0, self._call)
            self._child = None

    def _tell_end(self, exit_code: int, call: Call) -> None:
        if exit_code not in QUIET:
            log = f"logs/{call.trial}.rank-{self.board.member.rank}.log"
            self.board.report(
                call.token, failure_of_exit(exit_code, call.stage, log, None, memory_kills() != self._kills)
            )
