"""What an export is made from, and what it is: bytes under a name that says what reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

from harness.results import TrialResult
from harness.tables.columns import Column


@dataclass(frozen=True)
class Results:
    """The results of a study, with the trials table made of them and its column dictionary."""

    study: str
    results: Sequence[TrialResult]
    table: pd.DataFrame
    columns: Sequence[Column]

    @property
    def good(self) -> tuple[TrialResult, ...]:
        """The results that hold measurements."""
        return tuple(result for result in self.results if result.status == "ok")


def benchmark_name(result: TrialResult) -> str:
    """A trial on one kind of machine: times of several must not be mixed, now or when another one joins."""
    return f"{result.info.id} ({result.machine_class})"


@dataclass(frozen=True)
class Export:
    """A format by the ending of its files and what writes it; `is_text` tells whether a terminal can show it."""

    ending: str
    write: Callable[[Results], bytes]
    is_text: bool = True
