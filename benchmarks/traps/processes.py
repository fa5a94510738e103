"""Runs functions in fresh processes: alone, under other variables, or beside work that disturbs."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def fresh(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What a function gives in a process that is started anew (fork and exec), with the variables of this one."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as pool:
        return pool.submit(function, *args, **kwargs).result()


@contextmanager
def variables(changes: Mapping[str, str | None]) -> Iterator[None]:
    """Within it processes start with other variables; None takes one away."""
    before = {name: os.environ.get(name) for name in changes}
    try:
        _put(changes)
        yield
    finally:
        _put(before)


def _put(changes: Mapping[str, str | None]) -> None:
    for name, value in changes.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextmanager
def beside(work: Callable[[], object], processes: int) -> Iterator[None]:
    """Within it so many other processes repeat some work; they have begun with it when this starts."""
    context = multiprocessing.get_context("spawn")
    ready = context.Semaphore(0)
    others = [context.Process(target=_endless, args=(work, ready), daemon=True) for _ in range(processes)]
    for other in others:
        other.start()
    try:
        for _ in others:
            ready.acquire()
        yield
    finally:
        for other in others:
            other.kill()
            other.join()


class _Semaphore:
    """What `_endless` needs of multiprocessing's semaphore."""

    def release(self) -> None: ...


def _endless(work: Callable[[], object], ready: _Semaphore) -> None:
    work()
    ready.release()
    while True:
        work()


def spin() -> None:
    """Keeps one core busy for a while."""
    total = 0
    for number in range(1_000_000):
        total += number
