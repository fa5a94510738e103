"""Which test items each trial got right, and how far two criteria differ item by item."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from harness.records import Outcome
from harness.results import TrialResult
from harness.tables.columns import OUTCOME
from harness.tables.derived import Baselines, same_ground
from harness.tables.panels import LEVEL, UNIT, Panel

Bits = npt.NDArray[np.bool_]
Key = tuple[str, str]  # of a trial and the machine class that ran it
T = TypeVar("T")
Fetch = Callable[[Iterable[str]], Sequence[TrialResult]]  # whole results of trials by their ids


@dataclass(frozen=True)
class Right:
    """Which test items a trial got right, in item order; equal `order` is equal items in equal order.

    `packed` is the record's own spelling of the bits.
    """

    order: str
    bits: Bits
    packed: str = ""


Seen = dict[tuple[str, float], dict[str, list[Right]]]  # by network and level: each criterion's trials


def right(outcome: Outcome) -> Right | None:
    """Unpacks an outcome of yes and no; None for any other."""
    if outcome.encoding != "bits":
        return None
    packed = np.frombuffer(base64.b64decode(outcome.data), dtype=np.uint8)
    return Right(outcome.order, np.unpackbits(packed, count=outcome.items).astype(bool), outcome.data)


def seen(panel: Panel, results: Iterable[TrialResult], criteria: Sequence[str]) -> Seen:
    """The per-item outcomes of some criteria on the test split."""
    rows = panel.candidates[panel.candidates["criterion"].isin(criteria)]
    keys = zip(rows["id"], rows["machine_class"], strict=True)
    placed = dict(zip(keys, zip(rows[UNIT], rows[LEVEL], strict=True), strict=True))
    found: Seen = {}
    for result in results:
        place = placed.get((result.info.id, result.machine_class))
        own = of_test(result)
        if place is not None and own is not None and result.info.criterion is not None:
            held = found.setdefault((str(place[0]), float(place[1])), {})
            held.setdefault(result.info.criterion, []).append(own)
    return found


def of_test(result: TrialResult) -> Right | None:
    """The trial's verdicts on the test split, in plain fp32 whatever its runtime; None where they were not kept."""
    return of_split(result, "test")


def of_split(result: TrialResult, split: str) -> Right | None:
    """The same of any split."""
    held = [o for o in result.outcomes if (o.split, o.metric) == (split, OUTCOME) and not o.at]
    return right(held[0]) if held else None


class Kept(Generic[T]):
    """What each trial kept of single items, and its baseline on the same ground; `fetch` is asked for each."""

    def __init__(self, fetch: Fetch, read: Callable[[TrialResult], T | None]) -> None:
        self._fetch = fetch
        self._read = read
        self._held: dict[Key, T | None] = {}

    def of(self, trial: Key) -> T | None:
        """None where the trial kept none."""
        result = self._result(trial)
        return None if result is None else self._kept(result)

    def of_baseline(self, trial: Key) -> T | None:
        """Those of its baseline, where the two began with the same weights."""
        result = self._result(trial)
        baseline = Baselines(self._fetch([result.info.baseline or ""])).of(result) if result is not None else None
        if result is None or baseline is None or not same_ground(result, baseline):
            return None
        return self._kept(baseline)

    def _result(self, trial: Key) -> TrialResult | None:
        return next((found for found in self._fetch([trial[0]]) if found.machine_class == trial[1]), None)

    def _kept(self, result: TrialResult) -> T | None:
        key = result.info.id, result.machine_class
        if key not in self._held:
            self._held[key] = self._read(result)
        return self._held[key]


class Verdicts(Kept[Right]):
    """What each trial got right on a split."""

    def __init__(self, fetch: Fetch, split: str = "test") -> None:
        super().__init__(fetch, partial(of_split, split=split))


def item_differences(found: Seen, first: str, second: str) -> list[list[float]]:
    """For each network, item by item: share of levels and draws at which the first is right minus that of the second.

    Only networks that saw the same items at every level that any of them has; none where their items differ.
    """
    by_unit: dict[str, dict[float, npt.NDArray[np.float64]]] = {}
    orders: set[str] = set()
    for (unit, level), held in found.items():
        if first in held and second in held:
            orders |= {one.order for name in (first, second) for one in held[name]}
            means = [np.mean([one.bits for one in held[name]], axis=0) for name in (first, second)]
            by_unit.setdefault(unit, {})[level] = means[0] - means[1]
    levels = {level for held in by_unit.values() for level in held}
    whole = [held for held in by_unit.values() if held.keys() == levels]
    return [list(map(float, np.mean(list(held.values()), axis=0))) for held in whole] if len(orders) == 1 else []
