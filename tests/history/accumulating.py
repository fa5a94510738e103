"""Records of one small study made at many states of the code, with planted changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from builders import Plan, records_of

from harness.history.commits import Line
from harness.records import Measurement, Record
from harness.schema import digest

PLAN = Plan(study="small", seeds=(0,), criteria=("entropy",), contrast=None, counts=(2,), noisy_counts=())
Change = Callable[[int, Record], Record]


def commit(number: int) -> str:
    """Forty digits that stand for a commit."""
    return digest(["commit", number], 40)


def line(count: int) -> Line:
    """A repository with commits 0 to `count` - 1 in a row."""
    names = [commit(number) for number in range(count)]
    return Line({name: place for place, name in enumerate(names)}, dict(zip(names[1:], names, strict=False)))


def accumulating(
    numbers: range | list[int], change: Change | None = None, noise: float = 0.01, **environment: Any
) -> Iterator[Record]:
    """The study, run once at each commit: candidate / baseline varies by `noise` from commit to commit."""
    for turn, number in enumerate(numbers):
        generator = np.random.default_rng([number, 7])
        for record in records_of(PLAN):
            made = at_commit(record, number, turn, **environment)
            made = scaled(made, "latency_s", float(np.exp(noise * generator.standard_normal())))
            yield change(number, made) if change else made


def at_commit(record: Record, number: int, turn: int, **environment: Any) -> Record:
    """The record as a later run at a commit; `turn` is the hour at which it ran."""
    made = record.environment
    assert made is not None
    state = {"version": "0.1.0", "commit": commit(number), "dirty": False}
    updated = {"harness": state, "project": {key: state[key] for key in ("commit", "dirty")}, **environment}
    day, hour = divmod(turn, 24)
    moment = f"2026-03-{day + 1:02d}T{hour:02d}"
    run = {"id": f"r{turn}-{record.run.id}", "started": f"{moment}:00:00Z", "finished": f"{moment}:01:00Z"}
    changes = {"environment": made.model_copy(update=updated), "run": record.run.model_copy(update=run)}
    return record.model_copy(update=changes)


def scaled(record: Record, metric: str, factor: float) -> Record:
    """The same record; its own samples of a metric are `factor` times as large, the baseline's are left."""

    def moved(m: Measurement) -> Measurement:
        if m.metric != metric or m.value is None:
            return m
        samples = tuple(sample * factor for sample in m.samples)
        return m.model_copy(update={"samples": samples, "value": m.value * factor, "shared_from": None})

    return record.model_copy(update={"measurements": tuple(map(moved, record.measurements))})


def with_value(record: Record, metric: str, split: str | None, value: float) -> Record:
    """The same record with another value of an exact metric."""
    found = (
        m.model_copy(update={"value": value}) if (m.metric, m.split) == (metric, split) else m
        for m in record.measurements
    )
    return record.model_copy(update={"measurements": tuple(found)})
