"""One row per trial and machine class, one column per axis, metric and derived quantity."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from harness.records import Measurement
from harness.results import TrialResult
from harness.schema import Json
from harness.stats import wilson
from harness.tables.columns import AXES, OUTCOME, Column, companion, dictionary
from harness.tables.derived import (
    SPEEDUPS,
    Baselines,
    drops,
    is_plain,
    realised,
    robust,
    savings,
    speedup,
    speedup_degradation,
)

SHARES = (OUTCOME, "top5")  # metrics that are a share of the items of a split
INTEGERS = ("draw", "count", "of", "model_seed", "selection_seed", "recovery_seed")


@dataclass(frozen=True)
class Naming:
    """The column of each measurement: the first `at` of a metric has the bare name, others tell theirs."""

    first: dict[tuple[str, str | None], str]

    @classmethod
    def of(cls, results: Sequence[TrialResult]) -> Naming:
        """The naming of a study; a measurement without conditions comes before any with.

        Outcomes on changed items or in another arithmetic have no bare name, even where there are no others.
        """
        first: dict[tuple[str, str | None], str] = {}
        for result in results:
            for m in result.measurements.values():
                if not m.at or (is_plain(m) and (m.metric, m.split) not in first):
                    first[m.metric, m.split] = spelled_at(m)
        return cls(first)

    def suffix(self, measurement: Measurement) -> str:
        """`@batch=128`, or nothing for the first conditions."""
        at = spelled_at(measurement)
        return "" if at == self.first.get((measurement.metric, measurement.split)) else f"@{at}"

    def column(self, measurement: Measurement) -> str:
        """`top1`, `top1_validation`, `images_per_s@batch=128`."""
        return f"{self._base(measurement)}{self.suffix(measurement)}"

    def beside(self, measurement: Measurement, what: str) -> str:
        """The column that says something about another: `images_per_s_quality@batch=128`."""
        return f"{self._base(measurement)}_{what}{self.suffix(measurement)}"

    def _base(self, measurement: Measurement) -> str:
        split = measurement.split
        return measurement.metric + ("" if split in (None, "test") else f"_{split}")


def frame(results: Sequence[TrialResult]) -> pd.DataFrame:
    """The trials table in base units, in the order of the results."""
    naming, baselines = Naming.of(results), Baselines(results)
    rows = [_axes(r) | _measured(r, naming) | _derived(r, baselines, naming) for r in results]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    table = pd.DataFrame(rows, columns=columns or ["id", "machine_class", "status", *AXES])
    whole = [name for name in columns if companion(name) in ("items", "attempts")]
    for name in (*INTEGERS, *whole):
        table[name] = pd.array(list(table[name]), dtype="Int64")
    return table


def columns_of(table: pd.DataFrame, results: Sequence[TrialResult]) -> tuple[Column, ...]:
    """The column dictionary of `table`, the frame of these results."""
    naming = Naming.of(results)
    units = {naming.column(m): m.unit for result in results for m in result.measurements.values()}
    return dictionary([str(name) for name in table.columns], units)


def conditions(results: Sequence[TrialResult]) -> dict[str, str]:
    """Under which conditions the bare column of a metric was measured: `batch 1`."""
    first = Naming.of(results).first
    found = {metric: at.replace("=", " ").replace(",", ", ") for (metric, split), at in first.items() if split is None}
    return {metric: at for metric, at in found.items() if at}


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Puts the table into a file that reads back to the same numbers."""
    path.write_text(csv_text(table), encoding="utf-8")


def csv_text(table: pd.DataFrame) -> str:
    """The table as CSV that reads back to the same numbers."""
    return table.to_csv(index=False, lineterminator="\n")


def _axes(result: TrialResult) -> dict[str, Json]:
    info = result.info.model_dump(mode="json", include=set(AXES)) | _count(result)
    return {
        "id": result.info.id,
        "machine_class": result.machine_class,
        "status": result.status,
        "reason": result.reason,
        "failure": result.failure.kind if result.failure else None,
        "limited": any(run.limited for run in result.runs),
        **{name: info[name] for name in AXES},
        "removed": " ".join(result.removed),
        "depths": _depths(result),
        "proof": result.proof.status if result.proof else None,
    }


def _depths(result: TrialResult) -> str:
    """Places in order; of sublayers of several kinds in one list, each kind with its own."""
    if result.info.target == "joint":
        return " ".join(f"{kind} {_spaced(places)}" for kind, places in sorted(result.recipe.items()) if places)
    return _spaced({place for places in result.recipe.values() for place in places})


def _spaced(places: Iterable[int]) -> str:
    return " ".join(map(str, sorted(places)))


def _count(result: TrialResult) -> dict[str, Json]:
    """How many units went where the plan could not know it: a budget's count is the selection's finding."""
    info, selection = result.info, result.selection
    if info.budget is None or info.count is not None or selection is None or selection.budget is None:
        return {}
    count = selection.budget.get("count")
    return {"count": count, "ratio": count / info.of} if isinstance(count, int) and info.of else {"count": count}


def _measured(result: TrialResult, naming: Naming) -> dict[str, Json]:
    row: dict[str, Json] = {}
    for m in result.measurements.values():
        row[naming.column(m)] = m.value
        row |= {naming.beside(m, what): told for what, told in _doubts(m).items()}
        row |= {naming.beside(m, what): told for what, told in _counted(m).items()}
    return row


def _doubts(m: Measurement) -> dict[str, Json]:
    """How far it can be trusted, how often it was taken, and why; only what there is to say."""
    found: dict[str, Json] = {}
    if m.kind == "noisy":
        found["quality"] = m.quality if m.value is not None else None
    attempts = m.details.get("attempts")
    if isinstance(attempts, int) and attempts > 1:
        found["attempts"] = attempts
    if m.reason is not None:
        found["reason"] = m.reason
    if m.kind == "exact" and m.warnings:
        found["warnings"] = "; ".join(m.warnings)
    return found


def _counted(m: Measurement) -> dict[str, Json]:
    """Of a share of items, where it is the plain outcome: how many items, and the 95 % Wilson interval over them."""
    items = m.details.get("items")
    if m.metric not in SHARES or m.at or m.value is None or not isinstance(items, int):
        return {}
    interval = wilson(round(m.value * items), items)
    return {"items": items, "low": interval.low, "high": interval.high}


def _derived(result: TrialResult, baselines: Baselines, naming: Naming) -> dict[str, Json]:
    baseline = baselines.of(result)
    row: dict[str, Json] = {}
    saved = () if baseline is None else savings(result, baseline)
    if baseline is not None:
        row |= drops(result, baseline)
    row |= {f"{one.name}{naming.suffix(one.measurement)}": one.share for one in saved}
    promised = {one.image_size: one.share for one in saved if one.name == "macs_saved"}
    for m in result.measurements.values():
        found = speedup(m) if m.metric in SPEEDUPS and result.info.criterion is not None else None
        if found is not None:
            name, suffix = SPEEDUPS[m.metric], naming.suffix(m)
            row |= {f"{name}{suffix}": found.value}
            row |= {f"{name}_{end}{suffix}": getattr(found.interval, end, None) for end in ("low", "high")}
            share = promised.get(m.at.get("image_size"))  # MACs of another size promise something else
            if m.metric == "latency_s" and share is not None:
                row[f"realised{suffix}"] = realised(found.value, share)
    speed, drop = row.get("speedup"), row.get(f"{OUTCOME}_drop")
    if isinstance(speed, float) and isinstance(drop, float):
        row["speedup_degradation"] = speedup_degradation(drop, speed)
    if (mean := robust(result)) is not None:
        row[f"robust_{OUTCOME}"] = mean
    row["costs_from"] = next((m.shared_from.trial for m in result.measurements.values() if m.shared_from), None)
    return row


def spelled_at(measurement: Measurement) -> str:
    """The conditions as columns name them: `batch=128,dtype=bf16`."""
    shown = {key: value for key, value in measurement.at.items() if key != "revision"}
    return ",".join(f"{key}={_spelled(value)}" for key, value in sorted(shown.items()))


def _spelled(value: Json) -> str:
    """Without commas and signs of equality, which stand between conditions."""
    text = "+".join(map(str, value)) if isinstance(value, list) else str(value)
    return text.replace(",", ";").replace("=", ":")
