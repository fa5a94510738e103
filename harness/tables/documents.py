"""How far two networks differ on a text, document by document: intervals, and tests of single checkpoints."""

from __future__ import annotations

import base64
import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.records import Outcome
from harness.resampling import ratio_interval
from harness.results import TrialResult
from harness.stats import Interval, holm, sign_flips
from harness.tables.checkpoints import ALPHA
from harness.tables.items import Fetch, Kept
from harness.tables.panels import LEVEL, UNIT, Panel

NEEDED = ["id", "machine_class", UNIT, LEVEL, "criterion", "draw"]  # of a trial's many columns
Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Told:
    """Bits that a network needs for each document of a split, and its bytes; equal `order`, equal documents."""

    order: str
    bits: Array
    text_bytes: Array
    packed: str = ""


def of_split(result: TrialResult, split: str) -> Told | None:
    """The documents of a trial in plain fp32; None where they were not kept."""
    held = [o for o in result.outcomes if (o.split, o.metric) == (split, "perplexity") and not o.at]
    return told(held[0]) if held else None


def told(outcome: Outcome) -> Told | None:
    """Unpacks an outcome of log-likelihoods in nats; None for any other."""
    if outcome.encoding != "float64" or "bytes" not in (outcome.weights or {}):
        return None
    text_bytes = _unpacked((outcome.weights or {})["bytes"])
    return Told(outcome.order, -_unpacked(outcome.data) / math.log(2), text_bytes, outcome.data)


class Documents(Kept[Told]):
    """What each trial needs for the documents of a split."""

    def __init__(self, fetch: Fetch, split: str = "test") -> None:
        super().__init__(fetch, partial(of_split, split=split))


def added_bits(mine: Told | None, whole: Told | None) -> tuple[float, ...] | None:
    """The bits that one network needs more than another for each document; None where they cannot pair."""
    if mine is None or whole is None or mine.order != whole.order:
        return None
    return tuple((mine.bits - whole.bits).tolist())


def loss_interval(mine: Told | None, whole: Told | None) -> Interval | None:
    """Over documents, of the bits per byte that one network needs more than another; None where they cannot pair."""
    added = added_bits(mine, whole)
    return None if added is None or mine is None else ratio_interval(added, tuple(mine.text_bytes.tolist()))


@dataclass(frozen=True)
class DocumentTest:
    """A trained network without some sublayers and the same one whole, on the same documents.

    `added` holds for each document the bits that the first needs more. `family` counts the tests of the study that
    `adjusted` is corrected for by Holm's method. The test speaks of this checkpoint, not of the criterion that made it.
    """

    panel: str
    unit: str
    level: float
    criterion: str
    draw: int | None
    trial: str
    added: tuple[float, ...]
    text_bytes: tuple[float, ...]
    texts: Hashable  # equal for tests of the same networks, which are one test
    adjusted: float = 1.0
    family: int = 1

    @property
    def difference(self) -> float:
        """Bits per byte that the removal adds."""
        return sum(self.added) / sum(self.text_bytes)

    @cached_property
    def p(self) -> float:
        """Two-sided p of a sign-flip test over documents, not adjusted."""
        return sign_flips(self.added).p

    @property
    def is_difference(self) -> bool:
        """Whether the two differ, at 5 % over all tests of the study."""
        return self.adjusted <= ALPHA

    @cached_property
    def interval(self) -> Interval | None:
        """95 % interval of the difference by a paired bootstrap over documents; not adjusted."""
        return ratio_interval(self.added, self.text_bytes)


def document_tests(panels: Sequence[Panel], fetch: Fetch) -> tuple[DocumentTest, ...]:
    """Every candidate against its baseline, adjusted as one family; equal sets of a network are one test."""
    kept = Documents(fetch)
    fetch([str(trial) for panel in panels for rows in (panel.candidates, panel.baselines) for trial in rows["id"]])
    found = [test for panel in panels for test in _of_panel(panel, kept)]
    distinct = {test.texts: test.p for test in found}
    adjusted = dict(zip(distinct, holm(list(distinct.values())), strict=True))
    return tuple(replace(test, adjusted=adjusted[test.texts], family=len(distinct)) for test in found)


def rows_of(tests: Sequence[DocumentTest]) -> pd.DataFrame:
    """All tests, one row each, in bits per byte."""
    rows = [
        {
            "panel": test.panel,
            "network": test.unit,
            "amount": test.level,
            "criterion": test.criterion,
            "draw": test.draw,
            "trial": test.trial,
            "documents": len(test.added),
            "difference": test.difference,
            "low": test.interval.low if test.interval else None,
            "high": test.interval.high if test.interval else None,
            "p": test.p,
            "adjusted_p": test.adjusted,
            "tests": test.family,
        }
        for test in tests
    ]
    return pd.DataFrame(rows).astype({"draw": "Int64"})


def _of_panel(panel: Panel, kept: Documents) -> Iterator[DocumentTest]:
    for trial, machine, unit, level, criterion, draw in panel.candidates[NEEDED].itertuples(index=False, name=None):
        mine, whole = kept.of((trial, machine)), kept.of_baseline((trial, machine))
        added = added_bits(mine, whole)
        if added is None or mine is None or whole is None:
            continue
        yield DocumentTest(
            panel=panel.label,
            unit=str(unit),
            level=float(level),
            criterion=str(criterion),
            draw=None if pd.isna(draw) else int(draw),
            trial=str(trial),
            added=added,
            text_bytes=tuple(mine.text_bytes.tolist()),
            texts=(unit, mine.order, mine.packed, whole.packed),
        )


def _unpacked(data: str) -> Array:
    return np.frombuffer(base64.b64decode(data), dtype="<f8").astype(np.float64)
