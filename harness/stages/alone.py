"""A cost measured in a process of its own: nothing that this one did before can be seen in it."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from harness import numerics
from harness.collectors.base import CostCollector, collectors
from harness.collectors.guard import CollectorFault, guarded, told
from harness.collectors.metrics import FAILED
from harness.device import IdleClock, set_threads
from harness.errors import HarnessError
from harness.plugins import load_plugins
from harness.records import Measurement
from harness.schema import Json
from harness.stages.errands import Errand
from harness.stages.subjects import subject_anew

PRELOAD = "harness.preload"
LIMIT_S = 600.0
HUNG = f"{FAILED}: it took more than {LIMIT_S:g} s"


class Companion:
    """A process that stays as it is now, and forks another for each errand.

    To be made by `fork` before this process has computed anything: then the libraries are loaded and no thread runs.
    """

    def __init__(self, line: Connection, pid: int) -> None:
        self._line = line
        self._pid: int | None = pid

    @classmethod
    def fork(cls) -> Companion:
        """Forks this process; the companion ends when this one does."""
        mine, theirs = multiprocessing.Pipe()
        pid = os.fork()
        if pid == 0:
            mine.close()
            os.setpgid(0, 0)  # so that it can be ended together with what it has forked
            serve(theirs)
            os._exit(0)
        theirs.close()
        return cls(mine, pid)

    def collect(self, errand: Errand) -> tuple[Measurement, ...]:
        """The collector's measurements from a fresh process; raises CollectorFault where it fails or dies."""
        if self._pid is None:
            raise CollectorFault(f"{FAILED}: an errand before took too long, and its process was ended")
        return _sent(errand, self._line, self._end)

    def _end(self) -> None:
        if self._pid is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
            self._pid = None


def collect_alone(errand: Errand) -> tuple[Measurement, ...]:
    """The same without a companion, from a server that loads the heavy modules first: some seconds for the first."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([PRELOAD])
    mine, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs,))
    process.start()
    theirs.close()
    try:
        return _sent(errand, mine, process.kill)
    finally:
        mine.close()
        process.join()


def serve(line: Connection) -> None:
    """Forks a process for each errand that comes over the line, until nobody is at its other end."""
    while True:
        try:
            errand: Errand = line.recv()
        except (EOFError, OSError):
            return
        pid = os.fork()
        if pid == 0:
            _measure(errand, line)
            os._exit(0)  # what a library left behind must not hold it
        exit_code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if exit_code:
            line.send(_ended(exit_code))


def _sent(errand: Errand, line: Connection, end: Callable[[], None]) -> tuple[Measurement, ...]:
    """The answer to an errand; `end` is called where none comes in time."""
    try:
        line.send(errand)
        if not line.poll(LIMIT_S):
            end()
            raise CollectorFault(HUNG)
        answer: str | list[dict[str, Json]] = line.recv()
    except (EOFError, OSError) as error:
        raise CollectorFault(f"{FAILED}: the process beside is gone ({type(error).__name__})") from None
    if isinstance(answer, str):
        raise CollectorFault(answer)
    return tuple(Measurement.model_validate(one) for one in answer)


def _ended(exit_code: int) -> str:
    if exit_code == -signal.SIGKILL:
        return "oom_host: its process was killed, for which a lack of memory is the usual reason"
    return f"{FAILED}: its process ended with exit code {exit_code}"


def _measure(errand: Errand, answer: Connection) -> None:
    try:
        found = guarded(partial(_collected, errand))
    except (HarnessError, ArithmeticError) as error:  # raised here, nobody would hear it
        found = told(error)
    answer.send(found if isinstance(found, str) else [one.model_dump(mode="json") for one in found])


def _collected(errand: Errand) -> tuple[Measurement, ...]:
    load_plugins([Path(path) for path in errand.plugins])
    set_threads(errand.threads)
    collector = collectors.create(errand.collector)
    if not isinstance(collector, CostCollector):
        raise TypeError(f"{collector.name!r} measures no cost")
    subject = subject_anew(errand.setting, errand.spec, errand.gone)
    with numerics.in_force(errand.spec.runs_in(), errand.setting.device):
        return collector.collect(subject, IdleClock(errand.setting.device))
