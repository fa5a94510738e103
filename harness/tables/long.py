"""One row per measured number: the tidy table, in base units, with the unit, the doubt and the interval beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from harness.records import Measurement
from harness.results import TrialResult
from harness.schema import Json
from harness.stats import Interval, median_interval, wilson
from harness.tables.columns import AXES
from harness.tables.derived import FEWEST_PAIRS, is_plain
from harness.tables.frame import INTEGERS
from harness.tables.row import SHARES, spelled_at

OF_TRIAL = ("id", "machine_class", *AXES)
OF_NUMBER = (
    *("metric", "split", "at", "value", "unit", "better", "kind", "quality", "reason"),
    *("low", "high", "interval", "samples"),
)
OVER_ITEMS, OVER_REPEATS = "95 % Wilson over items", "95 % of the median over repeats"


def long_frame(results: Sequence[TrialResult]) -> pd.DataFrame:
    """Every measurement of every trial that went well; `low` and `high` are the ends of the interval that is named.

    `at` are the conditions as `batch=128,dtype=bf16`. A number that is not there has its reason.
    """
    rows = [row for result in results if result.status == "ok" for row in _rows(result)]
    table = pd.DataFrame(rows, columns=[*OF_TRIAL, *OF_NUMBER])
    for name in (*INTEGERS, "samples"):
        table[name] = pd.array(list(table[name]), dtype="Int64")
    return table


def _rows(result: TrialResult) -> Iterator[dict[str, Json]]:
    info = result.info.model_dump(mode="json", include=set(AXES))
    axes = {"id": result.info.id, "machine_class": result.machine_class, **{name: info[name] for name in AXES}}
    for m in result.measurements.values():
        interval, over = interval_of(m)
        yield {
            **axes,
            "metric": m.metric,
            "split": m.split,
            "at": spelled_at(m),
            "value": m.value,
            "unit": m.unit,
            "better": m.better,
            "kind": m.kind,
            "quality": m.quality if m.value is not None else None,
            "reason": m.reason,
            "low": None if interval is None else interval.low,
            "high": None if interval is None else interval.high,
            "interval": over,
            "samples": len(m.samples) or None,
        }


def interval_of(m: Measurement) -> tuple[Interval | None, str | None]:
    """The interval that a measurement has by itself, and over what: its items, or its repeats in one process."""
    items = m.details.get("items")
    if m.metric in SHARES and is_plain(m) and m.value is not None and isinstance(items, int):
        return wilson(round(m.value * items), items), OVER_ITEMS
    if m.kind == "noisy" and m.value is not None and len(m.samples) >= FEWEST_PAIRS:
        return median_interval(m.samples), OVER_REPEATS
    return None, None
