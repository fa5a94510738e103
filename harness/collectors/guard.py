"""A collector that raises: its metrics are null with the reason, and those of others stand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from harness.collectors.metrics import FAILED, Kind, absent
from harness.errors import HarnessError
from harness.failures import classified, is_lost, without_paths
from harness.records import Asked, Measurement

T = TypeVar("T")
LENGTH = 300


class CollectorFault(Exception):  # noqa: N818  # a finding, not a mistake
    """Why a collector could not measure, in a sentence that a record keeps as it is."""


def guarded(make: Callable[[], T]) -> T | str:
    """What `make` gives, or why it could not, in a sentence.

    What is no fault of the collector goes on: a wrong study or wrong data (HarnessError), arithmetic that broke down
    (ArithmeticError), and a device that is gone, since nothing measured after it would be true.
    """
    try:
        return make()
    except HarnessError:
        raise
    except CollectorFault as fault:
        return str(fault)
    except Exception as error:  # here a collector's failure becomes a null with its reason
        # A division by zero is a slip of the collector, whatever Python derives it from.
        if is_lost(error) or type(error) is ArithmeticError:
            raise
        return told(error)


def nulls(asked: Sequence[Asked], kind: Kind, reason: str) -> tuple[Measurement, ...]:
    """Null for each question, all for the same reason."""
    return tuple(absent(one, kind, reason) for one in asked)


def told(error: Exception) -> str:
    """The reason that a record keeps: its kind and its first line, without the folders of this machine."""
    kind = classified(error)
    line = without_paths(f"{type(error).__name__}: {error}").strip().partition("\n")[0][:LENGTH]
    return f"{kind}: {line}" if kind.startswith("oom") else f"{FAILED}: {line}"
