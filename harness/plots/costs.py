"""Outcome and one cost as points of a figure: criteria at each amount, the baseline, dense and published networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, TypeAlias

import numpy as np
import pandas as pd

from harness.stats import pareto
from harness.tables.derived import SPEEDUPS
from harness.tables.marks import beside, quality
from harness.tables.panels import LEVEL, RUNTIME, Panel, with_values
from harness.tables.published_accuracies import Published
from harness.tables.qualities import ACCURACY, Quality
from harness.tables.shares import bars, mean_share
from harness.tables.summaries import measured_structures, speed_interval

BASELINE = "baseline"
PER = ["criterion", LEVEL]
Cell: TypeAlias = tuple[str, float]
Ends: TypeAlias = tuple[float, float, float]  # a value, and how far its bars reach


@dataclass(frozen=True)
class Cost:
    """A cost by its column of the trials table; `unit` is of stored values, `1` for a share."""

    column: str
    words: str
    unit: str
    better: Literal["higher", "lower"] = "lower"

    @property
    def is_timed(self) -> bool:
        """Whether candidate and baseline were timed in turn, so that their ratio is what is sure."""
        return self.column in SPEEDUPS


SAVED = Cost("macs_saved", "MACs saved", "1", "higher")
MACS = Cost("macs", "MACs", "")
PARAMS = Cost("params", "parameters", "")
COUNTED = (SAVED, MACS, PARAMS)
ON_MACHINE = (
    Cost("latency_s", "latency", "s"),
    Cost("images_per_s", "items/s", "", "higher"),
    Cost("prefill_tokens_per_s", "tokens/s read", "", "higher"),
    Cost("decode_tokens_per_s", "tokens/s written", "", "higher"),
    Cost("kv_cache_bytes", "KV cache", "B"),
    Cost("peak_bytes", "peak memory", "B"),
    Cost("energy_j_per_image", "energy per item", "J"),
)


@dataclass(frozen=True)
class Spot:
    """One point in base units; `low` and `high` are the ends of its bars, `kind` is whose it is.

    `quality` is that of its timing, `judged` what its outcome is.
    """

    series: str
    kind: Literal["candidate", "baseline", "dense", "published"]
    removed: float
    cost: float
    cost_low: float
    cost_high: float
    outcome: float
    low: float
    high: float
    quality: str = "ok"
    judged: Quality = ACCURACY


def outcomes(panel: Panel) -> dict[Cell, Ends]:
    """The mean outcome and the ends of its bars, of each criterion and level that has any."""
    column = panel.quality.column
    cells = {key: with_values(panel.trials(*key), column) for key in product(panel.criteria, panel.levels)}
    return {key: _outcome(rows, panel) for key, rows in cells.items() if len(rows)}


def spots(panel: Panel, cost: Cost, known: Mapping[Cell, Ends] | None = None) -> list[Spot]:
    """The candidates, one for each criterion and level that has both; none without any. `known` are its outcomes."""
    found: list[Spot] = []
    needed = _needed(panel, cost)
    if cost.column not in needed or needed[cost.column].isna().all():
        return found
    trials, structures = _cells(needed), _cells(measured_structures(needed, PER))
    for key, outcome in (outcomes(panel) if known is None else known).items():
        rows = trials[key]
        place = _placed(panel, rows, structures[key], cost)
        if place is not None:
            doubt = quality(with_values(rows, cost.column), cost.column)
            found.append(Spot(key[0], "candidate", key[1], *place, *outcome, doubt, panel.quality))
    return found


def _needed(panel: Panel, cost: Cost) -> pd.DataFrame:
    """The few columns of a wide table that a point is made from: picking rows of all of them takes long."""
    ratio = SPEEDUPS.get(cost.column, cost.column)
    told = (cost.column, beside(cost.column, "quality"), ratio, f"{ratio}_low", f"{ratio}_high")
    rows = panel.candidates
    return rows[[name for name in dict.fromkeys(("id", "costs_from", *PER, *told)) if name in rows]]


def _cells(rows: pd.DataFrame) -> dict[Cell, pd.DataFrame]:
    return {(str(criterion), float(str(level))): own for (criterion, level), own in rows.groupby(PER)}


def baseline_spot(panel: Panel, cost: Cost) -> list[Spot]:
    """The baseline, where it was evaluated and the cost is known."""
    own = panel.baselines if cost in COUNTED else panel.own_baselines
    place = (0.0, 0.0, 0.0) if cost == SAVED else _whole(own, cost)
    if place is None or not len(with_values(panel.baselines, panel.quality.column)):
        return []
    outcome, doubt = _outcome(panel.baselines, panel), quality(own, cost.column)
    return [Spot(BASELINE, "baseline", 0.0, *place, *outcome, doubt, panel.quality)]


def dense_spots(panel: Panel, cost: Cost) -> Iterator[Spot]:
    """Whole networks beside the study; their MACs are compared with the baseline's, their times stand as they are.

    What the machine needs is that in the panel's own runtime.
    """
    for model, rows in panel.beside.groupby("model", sort=False) if len(panel.beside) else ():
        spot = whole_spot(f"{model} (dense)", rows, panel, cost)
        if spot is not None:
            yield spot


def whole_spot(series: str, rows: pd.DataFrame, panel: Panel, cost: Cost) -> Spot | None:
    """A whole network whose trials these are, in the setting of a panel; None without an outcome or the cost."""
    own = rows if cost in COUNTED else rows[rows[RUNTIME] == panel.key[RUNTIME]]
    place = _saved(panel, own) if cost == SAVED else _whole(own, cost)
    if place is None or not len(with_values(rows, panel.quality.column)):
        return None
    return Spot(series, "dense", 0.0, *place, *_outcome(rows, panel), quality(own, cost.column), panel.quality)


def published_spots(published: Sequence[Published], known: Sequence[Spot]) -> Iterator[Spot]:
    """Published accuracies at our own cost of as many sublayers removed, where we have it."""
    costs = {spot.removed: (spot.cost,) * 3 for spot in reversed(known)}
    for one in published:
        if one.count in costs:
            value = (one.accuracy,) * 3
            yield Spot(f"published: {one.name}", "published", one.count, *costs[one.count], *value)


def front(found: Sequence[Spot], cost: Cost) -> list[Spot]:
    """Those that no other beats in both mean outcome and cost, in order of their cost; means of equals are equal."""
    points = [{name: float(f"{getattr(spot, name):.9g}") for name in ("outcome", "cost")} for spot in found]
    keeps = pareto(points, {"outcome": found[0].judged.better, "cost": cost.better}) if points else ()
    return sorted((s for s, is_kept in zip(found, keeps, strict=True) if is_kept), key=lambda s: s.cost)


def frame_of(found: Sequence[Spot], best: Sequence[Spot], cost: Cost, panel: Panel) -> pd.DataFrame:
    """What is drawn as a table: outcomes as they are stored, the cost in the unit that its name tells."""
    rows = [
        {
            "series": spot.series,
            "kind": spot.kind,
            panel.amount_column: spot.removed,
            "cost": cost.column,
            "cost_value": spot.cost,
            "cost_low": spot.cost_low,
            "cost_high": spot.cost_high,
            **spot.judged.ends(spot.outcome, spot.low, spot.high),
            "cost_quality": spot.quality,
            "is_on_front": spot in best,
        }
        for spot in found
    ]
    return pd.DataFrame(rows)


def says_more(panel: Panel, cost: Cost) -> bool:
    """Whether a cost is more than saved MACs in another unit: else its figure shows what theirs did."""
    pairs = with_values(with_values(panel.candidates, cost.column), SAVED.column)
    if not len(pairs):
        return len(with_values(panel.candidates, cost.column)) > 0
    x, y = pairs[SAVED.column].to_numpy(), pairs[cost.column].to_numpy()
    if not np.ptp(x) or not np.ptp(y):
        return bool(np.ptp(y))
    return abs(float(np.corrcoef(x, y)[0, 1])) < 0.999


def _outcome(rows: pd.DataFrame, panel: Panel) -> Ends:
    column = panel.quality.column
    value, (down, up) = mean_share(rows, column), bars(rows, column)
    return value, value - down, value + up


def _placed(panel: Panel, rows: pd.DataFrame, measured: pd.DataFrame, cost: Cost) -> Ends | None:
    """A cost of candidates. Of a timed one: the baseline's, changed by the ratio of those that were timed in turn."""
    whole = with_values(panel.own_baselines, cost.column)
    ratio = SPEEDUPS.get(cost.column, "")
    held = with_values(measured, ratio) if ratio else measured.iloc[:0]
    if not len(held) or not len(whole):
        return _spread(rows if cost in COUNTED else measured, cost)
    start, gain = float(whole[cost.column].median()), float(held[ratio].median())
    interval = speed_interval(held, ratio)
    ends = (gain, gain) if interval is None else (interval.low, interval.high)
    found = sorted(start * one if cost.better == "higher" else start / one for one in ends)
    return (start * gain if cost.better == "higher" else start / gain), found[0], found[1]


def _whole(rows: pd.DataFrame, cost: Cost) -> Ends | None:
    """A cost of whole networks: of counts over trials, else over measured structures."""
    return _spread(rows if cost in COUNTED else measured_structures(rows), cost)


def _spread(rows: pd.DataFrame, cost: Cost) -> Ends | None:
    """The mean and both extremes; of times the median."""
    held = with_values(rows, cost.column)[cost.column]
    if not len(held):
        return None
    middle = held.median() if cost.is_timed else held.mean()
    return float(middle), float(held.min()), float(held.max())


def _saved(panel: Panel, rows: pd.DataFrame) -> Ends | None:
    whole, macs = with_values(panel.baselines, "macs")["macs"], with_values(rows, "macs")["macs"]
    if not len(whole) or not len(macs):
        return None
    saved = 1 - float(macs.mean()) / float(whole.mean())
    return saved, saved, saved
