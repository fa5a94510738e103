"""How a training hears that it is to end soon, and how it ends before its time."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

HALTED = 75  # exit code of a process whose training was halted and kept (sysexits.h: try again later)
ABANDONED = 76  # exit code of a process that was left alone by the others of its training


class Halted(BaseException):
    """The training was told to end and has kept where it stands; like an interrupt, it is no failure of the trial."""


class Abandoned(BaseException):
    """Another process of the training is gone, so this one cannot go on; why, only that one knows."""


class Halt:
    """Whether somebody asked for the end."""

    def __init__(self) -> None:
        self.is_asked = False

    def ask(self, _number: int | None = None, _frame: FrameType | None = None) -> None:
        """As a signal handler, or by hand."""
        self.is_asked = True


@contextmanager
def halting(is_heeded: bool) -> Iterator[Halt]:
    """Within it SIGTERM asks the training to end at its next step; outside it ends the process, as it always does.

    Only where that is heeded: a training that keeps nothing gains nothing by ending later. Only the main thread of a
    process can listen to signals.
    """
    halt = Halt()
    if not is_heeded or threading.current_thread() is not threading.main_thread():
        yield halt
        return
    before = signal.signal(signal.SIGTERM, halt.ask)
    try:
        yield halt
    finally:
        signal.signal(signal.SIGTERM, before)
