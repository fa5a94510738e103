"""The row of one trial on one machine class: what was measured, and what follows from it and its baseline.

Cells have whole names here, with all conditions (`latency_s@batch=1`): which of several conditions has the bare name of
its metric is a matter of the whole study (harness/tables/frame.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from harness.records import Measurement, TrialInfo
from harness.results import TrialResult
from harness.schema import Json
from harness.stats import wilson
from harness.tables.columns import AXES, OUTCOME, ROBUST
from harness.tables.derived import (
    DEPLOYED,
    OF_FORMS,
    SPEEDUPS,
    Speedup,
    drops,
    is_plain,
    realised,
    robust,
    robust_by_corruption,
    savings,
    speedup,
)

SHARES = (OUTCOME, "top5")  # metrics that are a share of the items of a split
DEGRADATION = "speedup_degradation"  # of the bare columns, so it is worked out when they are known
COSTS_FROM = "costs_from"


class Question(NamedTuple):
    """What a column answers: the metric behind it, on a split, under conditions; `unit` where it is the metric's own.

    An outcome that is not `is_plain` never has the bare name of its metric.
    """

    metric: str
    split: str | None
    at: str
    is_plain: bool
    unit: str | None


@dataclass
class Row:
    """Cells by whole name, and the question that each one is about; cells that are about none are not there."""

    cells: dict[str, Json] = field(default_factory=dict)
    questions: dict[str, Question] = field(default_factory=dict)

    def put(self, measurement: Measurement, told: Mapping[str, Json], own: str = "") -> None:
        """Adds cells that speak of a measurement, under its conditions; the one called `own` is in its unit."""
        at = spelled_at(measurement)
        about = Question(measurement.metric, measurement.split, at, is_plain(measurement), None)
        for base, value in told.items():
            name = f"{base}@{at}" if at else base
            self.cells[name] = value
            self.questions[name] = about._replace(unit=measurement.unit) if base == own else about


def row_of(result: TrialResult, baseline: TrialResult | None) -> Row:
    """Axes, measurements with what is said of each, and derived quantities, in this order."""
    row = Row(axes(result))
    for m in result.measurements.values():
        base = base_of(m)
        beside = {f"{base}_{what}": told for what, told in (_doubts(m) | _counted(m)).items()}
        row.put(m, {base: m.value, **beside}, own=base)
    _derive(row, result, baseline)
    return row


def base_of(measurement: Measurement) -> str:
    """The name of a measurement without its conditions: `top1`, `top1_validation`."""
    split = measurement.split
    return measurement.metric + ("" if split in (None, "test") else f"_{split}")


def axes(result: TrialResult) -> dict[str, Json]:
    """What was asked of a trial, and how it went."""
    return {
        "id": result.info.id,
        "machine_class": result.machine_class,
        "status": result.status,
        "reason": result.reason,
        "failure": result.failure.kind if result.failure else None,
        "limited": any(run.limited for run in result.runs),
        **planned(result.info),
        **_count(result),
        "removed": " ".join(result.removed),
        "depths": _depths(result),
        "proof": result.proof.status if result.proof else None,
    }


def planned(info: TrialInfo) -> dict[str, Json]:
    """The axes of a trial."""
    return {name: getattr(info, name) for name in AXES}


def spelled_at(measurement: Measurement) -> str:
    """The conditions as columns name them: `batch=128,dtype=bf16`."""
    if not measurement.at:
        return ""
    shown = {key: value for key, value in measurement.at.items() if key != "revision"}
    return ",".join(f"{key}={_spelled(value)}" for key, value in sorted(shown.items()))


def _spelled(value: Json) -> str:
    """Without commas and signs of equality, which stand between conditions."""
    text = "+".join(map(str, value)) if isinstance(value, list) else str(value)
    return text.replace(",", ";").replace("=", ":")


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


def _derive(row: Row, result: TrialResult, baseline: TrialResult | None) -> None:
    saved = () if baseline is None else savings(result, baseline)
    if baseline is not None:
        row.cells |= drops(result, baseline)
    for one in saved:
        row.put(one.measurement, {one.name: one.share})
    promised = {one.image_size: one.share for one in saved if one.name == "macs_saved"}
    is_candidate = result.info.criterion is not None
    for m in result.measurements.values():
        if is_candidate and m.metric in SPEEDUPS:
            _speed(row, m, promised.get(m.at.get("image_size")))  # MACs of another size promise something else
        elif m.metric == DEPLOYED and (found := speedup(m)) is not None:
            row.put(m, _faster(OF_FORMS, found))
    if f"{OUTCOME}_drop" in row.cells:
        row.cells[DEGRADATION] = None
    if (mean := robust(result)) is not None:
        row.cells[ROBUST] = mean
        row.cells |= {f"{ROBUST}@corruption={name}": own for name, own in robust_by_corruption(result).items()}
    row.cells[COSTS_FROM] = next((m.shared_from.trial for m in result.measurements.values() if m.shared_from), None)


def _speed(row: Row, m: Measurement, share: float | None) -> None:
    found = speedup(m)
    if found is None:
        return
    told = _faster(SPEEDUPS[m.metric], found)
    if m.metric == "latency_s" and share is not None:
        told["realised"] = realised(found.value, share)
    row.put(m, told)


def _faster(name: str, found: Speedup) -> dict[str, Json]:
    return {name: found.value} | {f"{name}_{end}": getattr(found.interval, end, None) for end in ("low", "high")}


def first_asked(asked: Iterable[Mapping[str, Question]]) -> dict[tuple[str, str | None], str]:
    """Which conditions of each metric have its bare name: the first of all rows; none at all come before any.

    Outcomes on changed items or in another arithmetic have no bare name, even where there are no others.
    """
    first: dict[tuple[str, str | None], str] = {}
    for questions in asked:
        for one in questions.values():
            key = one.metric, one.split
            if one.unit is not None and (not one.at or (one.is_plain and key not in first)):
                first[key] = one.at
    return first
