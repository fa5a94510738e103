"""A cost measured in a process of its own: nothing that this one did before can be seen in it."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from harness import numerics
from harness.collectors.base import CostCollector, collectors
from harness.collectors.guard import CollectorFault, guarded
from harness.device import IdleClock, set_threads
from harness.errors import HarnessError
from harness.families.base import Sublayer
from harness.plugins import load_plugins
from harness.records import Measurement
from harness.schema import Options
from harness.stages.subjects import Setting, subject_anew
from harness.trials import TrialSpec

PRELOAD = "harness.preload"
LIMIT_S = 600.0


@dataclass(frozen=True)
class Errand:
    """What the process is told: which structure to build, and which collector to run on it."""

    setting: Setting
    spec: TrialSpec
    gone: tuple[Sublayer, ...]
    collector: Options
    threads: int
    plugins: tuple[str, ...]


def collect_alone(errand: Errand) -> tuple[Measurement, ...]:
    """The collector's measurements from a fresh process; raises CollectorFault where it fails or dies.

    The process is forked from a server that has the heavy modules loaded and has run no network.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([PRELOAD])
    mine, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(errand, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        answer = mine.recv() if mine.poll(LIMIT_S) else f"collector_failed: it took more than {LIMIT_S:g} s"
    except EOFError:
        process.join()
        answer = _ended(process.exitcode)
    finally:
        process.kill()
        process.join()
        mine.close()
    if isinstance(answer, str):
        raise CollectorFault(answer)
    return tuple(Measurement.model_validate(one) for one in answer)


def _ended(exit_code: int | None) -> str:
    if exit_code == -signal.SIGKILL:
        return "oom_host: its process was killed, for which a lack of memory is the usual reason"
    return f"collector_failed: its process ended with exit code {exit_code}"


def _measure(errand: Errand, answer: Connection) -> None:
    try:
        found = guarded(partial(_collected, errand))
    except (HarnessError, ArithmeticError) as error:  # raised here, nobody would hear it
        found = f"collector_failed: {type(error).__name__}: {error}"
    answer.send(found if isinstance(found, str) else [one.model_dump(mode="json") for one in found])


def _collected(errand: Errand) -> Sequence[Measurement]:
    load_plugins([Path(path) for path in errand.plugins])
    set_threads(errand.threads)
    collector = collectors.create(errand.collector)
    if not isinstance(collector, CostCollector):
        raise TypeError(f"{collector.name!r} measures no cost")
    subject = subject_anew(errand.setting, errand.spec, errand.gone)
    with numerics.in_force(errand.spec.runs_in(), errand.setting.device):
        return collector.collect(subject, IdleClock(errand.setting.device))
