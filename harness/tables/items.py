"""Criteria compared item by item: which items only one of two got right, network by network."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.records import Outcome
from harness.resampling import crossed, mcnemar
from harness.store import TrialResult
from harness.tables.cells import NONE, between, p_is
from harness.tables.columns import OUTCOME, OUTCOME_WORD
from harness.tables.panels import LEVEL, UNIT, Panel
from harness.tables.table import Table

Bits = npt.NDArray[np.bool_]
MOST = 200  # cells; a study of more networks prints no test of single checkpoints


@dataclass(frozen=True)
class Right:
    """Which test items a trial got right, in item order; equal `order` is equal items in equal order."""

    order: str
    bits: Bits


Seen = dict[tuple[str, float], dict[str, list[Right]]]  # by network and level: each criterion's trials


def right(outcome: Outcome) -> Right | None:
    """Unpacks an outcome of yes and no; None for any other."""
    if outcome.encoding != "bits":
        return None
    packed = np.frombuffer(base64.b64decode(outcome.data), dtype=np.uint8)
    return Right(outcome.order, np.unpackbits(packed, count=outcome.items).astype(bool))


def seen(panel: Panel, results: Iterable[TrialResult], criteria: Sequence[str]) -> Seen:
    """The per-item outcomes of some criteria on the test split."""
    rows = panel.candidates[panel.candidates["criterion"].isin(criteria)]
    keys = zip(rows["id"], rows["machine_class"], strict=True)
    placed = dict(zip(keys, zip(rows[UNIT], rows[LEVEL], strict=True), strict=True))
    found: Seen = {}
    for result in results:
        place = placed.get((result.info.id, result.machine_class))
        own = _of_test(result)
        if place is not None and own is not None and result.info.criterion is not None:
            held = found.setdefault((str(place[0]), float(place[1])), {})
            held.setdefault(result.info.criterion, []).append(own)
    return found


def _of_test(result: TrialResult) -> Right | None:
    held = [o for o in result.outcomes if (o.split, o.metric) == ("test", OUTCOME) and not o.at]
    return right(held[0]) if held else None


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


def mcnemar_table(panel: Panel, results: Iterable[TrialResult], first: str, second: str) -> Table | None:
    """Exact McNemar tests, network by network and level by level; None for drawn criteria or without outcomes."""
    found = seen(panel, results, (first, second))
    held = {place: pair for place, by in found.items() if (pair := _pair(by, first, second)) is not None}
    units = sorted({unit for unit, _ in held})
    if not held or len(held) > MOST:
        return None
    rows = tuple((unit, *(_cell(held.get((unit, level))) for level in panel.levels)) for unit in units)
    notes: tuple[str, ...] = (
        f"For this checkpoint: test items that only {first} got right : items that only {second} did ({OUTCOME_WORD}), "
        "with the exact two-sided p of McNemar's test. Each p is about one trained network and not adjusted; none is "
        "about the criteria in general.",
    )
    interval = crossed(item_differences(found, first, second))
    if interval is not None:
        notes += (
            f"Over networks and items, both drawn anew (items for all networks together), {first} − {second} is in "
            f"{between(interval, 100, 2)} points with 95 % confidence (hierarchical bootstrap, averaged over columns).",
        )
    title = f"{first} against {second}, for each checkpoint: {panel.label}"
    header = ("network", *map(panel.amount, panel.levels))
    return Table(f"checkpoints-{panel.slug}", title, header, rows, notes)


def _pair(held: dict[str, list[Right]], first: str, second: str) -> tuple[Right, Right] | None:
    mine, other = held.get(first, []), held.get(second, [])
    return (mine[0], other[0]) if len(mine) == len(other) == 1 and mine[0].order == other[0].order else None


def _cell(pair: tuple[Right, Right] | None) -> str:
    if pair is None:
        return NONE
    only_first = int(np.count_nonzero(pair[0].bits & ~pair[1].bits))
    only_second = int(np.count_nonzero(~pair[0].bits & pair[1].bits))
    return f"{only_first} : {only_second} ({p_is(mcnemar(only_first, only_second))})"
