"""Single checkpoints tested item by item: each against its baseline, and the study's contrast; one family of tests."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from harness.resampling import item_interval, mcnemar, mcnemar_detectable
from harness.stats import Interval, holm
from harness.tables.items import Fetch, Right, Verdicts
from harness.tables.panels import LEVEL, UNIT, Panel

ALPHA = 0.05
NEEDED = ("id", "machine_class", UNIT, LEVEL, "criterion", "draw")  # of a trial's many columns
BASELINE = "baseline"
FILE = "checkpoint_tests.csv"


@dataclass(frozen=True)
class CheckpointTest:
    """Two trained networks on the same test items: how many only the first got right, and how many only the second.

    `second` is a criterion, or the baseline; `family` counts the tests of the study that `adjusted` is corrected for by
    Holm's method. The test speaks of these checkpoints, not of the criteria that made them.
    """

    panel: str
    unit: str
    level: float
    first: str
    second: str
    draw: int | None
    trial: str
    items: int
    only_first: int
    only_second: int
    verdicts: Hashable  # equal for tests of the same verdicts, which are one test
    adjusted: float = 1.0
    family: int = 1

    @property
    def is_of_baseline(self) -> bool:
        """Whether it is a candidate against its own baseline."""
        return self.second == BASELINE

    @property
    def differing(self) -> int:
        """Items that only one of the two got right."""
        return self.only_first + self.only_second

    @property
    def difference(self) -> float:
        """Accuracy of the first minus that of the second, as a share of items."""
        return (self.only_first - self.only_second) / self.items

    @cached_property
    def p(self) -> float:
        """Exact two-sided p of McNemar's test, not adjusted."""
        return mcnemar(self.only_first, self.only_second)

    @property
    def is_difference(self) -> bool:
        """Whether the two differ, at 5 % over all tests of the study."""
        return self.adjusted <= ALPHA

    @cached_property
    def interval(self) -> Interval:
        """95 % interval of the difference by a paired bootstrap over items; not adjusted."""
        return item_interval(self.only_first, self.only_second, self.items)

    @property
    def detectable(self) -> float | None:
        """The smallest difference that as many differing items show with 80 % power, were all tests adjusted alike."""
        return mcnemar_detectable(self.differing, self.items, ALPHA / self.family)


def checkpoint_tests(
    panels: Sequence[Panel], fetch: Fetch, contrast: tuple[str, str] | None = None
) -> tuple[CheckpointTest, ...]:
    """Every candidate against its baseline, then the contrast on every network and amount, adjusted as one family.

    One family, since both are read as findings about single checkpoints of one study; what is said of criteria over
    networks rests on other tests, with a correction of their own. Where two trials hold the same verdicts (their
    criteria chose the same set), their tests are one and count once.
    """
    verdicts = Verdicts(fetch)
    fetch([str(trial) for panel in panels for rows in (panel.candidates, panel.baselines) for trial in rows["id"]])
    found = [test for panel in panels for test in _against_baseline(panel, verdicts)]
    if contrast is not None:
        found += [test for panel in panels for test in _against_each_other(panel, verdicts, *contrast)]
    distinct = {test.verdicts: test.p for test in found}
    adjusted = dict(zip(distinct, holm(list(distinct.values())), strict=True))
    return tuple(replace(test, adjusted=adjusted[test.verdicts], family=len(distinct)) for test in found)


def median_detectable(tests: Sequence[CheckpointTest]) -> float | None:
    """What half of the tests at least could have shown, their median; None where most could have shown nothing."""
    found = sorted(math.inf if test.detectable is None else test.detectable for test in tests)
    low, high = found[(len(found) - 1) // 2], found[len(found) // 2]
    if math.isinf(low):
        return None
    return low if math.isinf(high) else (low + high) / 2


def rows_of(tests: Sequence[CheckpointTest]) -> pd.DataFrame:
    """All tests, one row each, in shares of items."""
    return pd.DataFrame(
        {
            "panel": test.panel,
            "network": test.unit,
            "amount": test.level,
            "first": test.first,
            "second": test.second,
            "draw": test.draw,
            "trial": test.trial,
            "items": test.items,
            "only_first": test.only_first,
            "only_second": test.only_second,
            "difference": test.difference,
            "low": test.interval.low,
            "high": test.interval.high,
            "p": test.p,
            "adjusted_p": test.adjusted,
            "tests": test.family,
            "detectable": test.detectable,
        }
        for test in tests
    ).astype({"draw": "Int64"})


def _against_baseline(panel: Panel, verdicts: Verdicts) -> Iterator[CheckpointTest]:
    for row in rows_in(panel.candidates):
        trial = str(row["id"]), str(row["machine_class"])
        yield from compared(panel, row, BASELINE, verdicts.of(trial), verdicts.of_baseline(trial))


def _against_each_other(panel: Panel, verdicts: Verdicts, first: str, second: str) -> Iterator[CheckpointTest]:
    """Where each of the two criteria made one checkpoint of a network at an amount; a drawn one makes several."""
    for _, rows in panel.candidates.groupby([UNIT, LEVEL], sort=False):
        pair = [rows_in(rows[rows["criterion"] == name]) for name in (first, second)]
        if [len(own) for own in pair] == [1, 1]:
            mine, other = (verdicts.of((str(own[0]["id"]), str(own[0]["machine_class"]))) for own in pair)
            yield from compared(panel, pair[0][0], second, mine, other)


def compared(
    panel: Panel, row: Mapping[str, object], second: str, mine: Right | None, other: Right | None
) -> Iterator[CheckpointTest]:
    """The test of two networks on the same items; none where their items differ or were not kept."""
    if mine is None or other is None or mine.order != other.order or not len(mine.bits):
        return
    draw = row["draw"]
    yield CheckpointTest(
        panel=panel.label,
        unit=str(row[UNIT]),
        level=float(str(row[LEVEL])),
        first=str(row["criterion"]),
        second=second,
        draw=None if pd.isna(draw) else int(str(draw)),  # type: ignore[call-overload]  # a scalar
        trial=str(row["id"]),
        items=len(mine.bits),
        only_first=int(np.count_nonzero(mine.bits & ~other.bits)),
        only_second=int(np.count_nonzero(~mine.bits & other.bits)),
        verdicts=(row[UNIT], mine.order, frozenset({mine.packed, other.packed})),
    )


def rows_in(table: pd.DataFrame) -> list[dict[str, object]]:
    """What a test says of the trials of a table."""
    return [{str(key): value for key, value in row.items()} for row in table[[*NEEDED]].to_dict("records")]
