"""How an outcome is written: over networks with its deviation, an accuracy of one checkpoint with its interval."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from harness.stats import Interval, spread, wilson
from harness.tables.cells import Printed
from harness.tables.columns import OUTCOME
from harness.tables.panels import UNIT, with_values
from harness.tables.qualities import written_as

BARS = "Bars of a single checkpoint are 95 % Wilson intervals over its test items."
WILSON = "One checkpoint: in brackets the 95 % Wilson interval over its test items."


def share(rows: pd.DataFrame, column: str = OUTCOME) -> str:
    """Mean ± standard deviation over networks, or one trial's value with its interval over items."""
    held, how = with_values(rows, column), written_as(column)
    if len(held) == 1:
        value, interval = float(held[column].iloc[0]), wilson_interval(held.iloc[0], column)
        text = Printed(how.one(value), {"value": how.scaled(value)}, how.unit)
        return text + " " + how.between(interval) if interval else text
    return how.mean(per_network(held, column))


def bars(rows: pd.DataFrame, column: str = OUTCOME) -> tuple[float, float]:
    """How far an error bar goes down and up, as shares: the deviation over networks, or one trial's Wilson interval."""
    held = with_values(rows, column)
    if len(held) == 1:
        value, interval = float(held[column].iloc[0]), wilson_interval(held.iloc[0], column)
        return (value - interval.low, interval.high - value) if interval else (0.0, 0.0)
    deviation = spread(per_network(held, column)) or 0.0
    return deviation, deviation


def mean_share(rows: pd.DataFrame, column: str = OUTCOME) -> float:
    """The mean over networks of rows that have any; draws and selections are averaged within a network first."""
    values = per_network(rows, column)
    return sum(values) / len(values)


def per_network(rows: pd.DataFrame, column: str = OUTCOME) -> list[float]:
    """One mean per network; none where there are no values."""
    held = with_values(rows, column)
    return [float(value) for value in held.groupby(UNIT)[column].mean()] if len(held) else []


def wilson_interval(row: pd.Series | Mapping[str, object], column: str = OUTCOME) -> Interval | None:
    """Of the share of items in a column of one trial; None where its items were not counted.

    Items that were changed, or seen in another arithmetic (`top1@dtype=bf16`), are as many as without that.
    """
    items, value = row.get(f"{column.partition('@')[0]}_items"), row[column]
    if not isinstance(items, int | float | np.integer) or not isinstance(value, float) or np.isnan(float(items)):
        return None
    return wilson(round(value * int(items)), int(items))
