"""Sides of a comparison: the synthetic study of `builders`, measured again, with whatever is to differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from builders import Plan, index_of, records_of

from harness.records import Measurement, Record
from harness.sides import Side

PLAN = Plan(seeds=(0,), criteria=("entropy", "similarity"), counts=(2, 4), noisy_counts=())
Change = Callable[[Record], Record]


def again(records: Iterable[Record], seed: int = 1, slower: float = 1.0, noise: float = 0.01) -> tuple[Record, ...]:
    """The same trials in new runs: every sample drawn anew around its median, candidates `slower` in time.

    What trials share they share again: the draws are those of the structure.
    """
    return tuple(_again(record, seed, slower, noise) for record in records)


def side(label: str, records: Iterable[Record], plan: Plan = PLAN) -> Side:
    """Records as a side."""
    return Side(label, tuple(records), index_of(plan))


def sides(second: Iterable[Record], plan: Plan = PLAN) -> tuple[Side, Side]:
    """The study as it was, and other records of it."""
    return side("before", again(records_of(plan), seed=0), plan), side("now", second, plan)


def one(records: Iterable[Record], criterion: str | None, count: int = 2) -> Record:
    """The first trial of a criterion that removes so many; the first baseline for None."""
    wanted = count if criterion else None
    return next(r for r in records if (r.trial.criterion, r.trial.count) == (criterion, wanted))


def changed(records: Iterable[Record], target: Record, change: Change) -> tuple[Record, ...]:
    """The records, one trial of them changed."""
    return tuple(change(record) if record.trial.id == target.trial.id else record for record in records)


def measured(record: Record, metric: str, **changes: Any) -> Record:
    """The record, its measurements of a metric changed."""
    found = (m.model_copy(update=changes) if m.metric == metric else m for m in record.measurements)
    return record.model_copy(update={"measurements": tuple(found)})


def on_machine(records: Iterable[Record], machine_class: str, **machine: Any) -> tuple[Record, ...]:
    """The records as if another machine had made them."""
    return tuple(_moved(record, machine_class, machine) for record in records)


def _moved(record: Record, machine_class: str, machine: dict[str, Any]) -> Record:
    if record.environment is None:
        return record
    changes = {"machine_class": machine_class, "machine": {**record.environment.machine, **machine}}
    return record.model_copy(update={"environment": record.environment.model_copy(update=changes)})


def _again(record: Record, seed: int, slower: float, noise: float) -> Record:
    pace = 1.0 if record.trial.is_baseline else slower
    measurements = tuple(_drawn(m, seed, pace, noise, record.trial.count) for m in record.measurements)
    run = record.run.model_copy(
        update={"id": f"{record.run.id}-{seed}", "finished": f"2026-03-{seed + 1:02d}T12:00:00Z"}
    )
    return record.model_copy(update={"measurements": measurements, "run": run})


def _drawn(m: Measurement, seed: int, pace: float, noise: float, count: int | None) -> Measurement:
    if not m.samples:
        return m
    random = np.random.default_rng([seed, len(m.metric), count or 0])
    pace = pace if m.better == "lower" else 1 / pace
    own = pace * float(np.median(m.samples)) * np.exp(random.normal(0, noise, 40))
    base = float(np.median(m.baseline_samples)) * np.exp(random.normal(0, noise, 40))
    shared = m.shared_from and m.shared_from.model_copy(update={"run": f"{m.shared_from.run}-{seed}"})
    changes = {"samples": tuple(map(float, own)), "baseline_samples": tuple(map(float, base)), "shared_from": shared}
    return m.model_copy(update={**changes, "value": float(np.median(own))})
