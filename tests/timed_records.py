"""Records of `builders` in several runtimes and sizes, with doubts, nulls, corruptions and further test sets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from assured import assured
from builders import Plan, index_of

from harness.records import Measurement, Record, TrialInfo
from harness.report.view import View, view_of
from harness.store import Reading

PLAN = Plan(seeds=(0, 1), criteria=("entropy", "similarity"), counts=(2, 4), noisy_counts=())
BF16 = {"dtype": "bf16"}


def in_runtime(record: Record, label: str, runtime: dict[str, Any], faster: float = 1.0) -> Record:
    """The trial in another runtime: its own latency divided by `faster`, that of the baseline beside it left."""
    changed = called_anew(record.trial, label, runtime=label, spec={**record.trial.spec, "runtime": runtime})
    measurements = tuple(_moved(m, label, faster) for m in record.measurements)
    return record.model_copy(update={"trial": changed, "measurements": measurements})


def called_anew(info: TrialInfo, label: str, **changes: Any) -> TrialInfo:
    """A trial that differs in something from this one, and so does its baseline."""
    names = {"id": f"{info.id}-{label}", "digest": f"{info.digest}-{label}"}
    return info.model_copy(update={**names, "baseline": info.baseline and f"{info.baseline}-{label}", **changes})


def _moved(m: Measurement, label: str, faster: float) -> Measurement:
    shared = m.shared_from and m.shared_from.model_copy(update={"trial": f"{m.shared_from.trial}-{label}"})
    m = m.model_copy(update={"shared_from": shared})
    if m.metric != "latency_s":
        return m
    samples = tuple(sample / faster for sample in m.samples)
    return m.model_copy(update={"samples": samples, "value": None if m.value is None else m.value / faster})


def changed(record: Record, metric: str, **changes: Any) -> Record:
    """The same record, its measurements of one metric changed."""
    found = (m.model_copy(update=changes) if m.metric == metric else m for m in record.measurements)
    return record.model_copy(update={"measurements": tuple(found)})


def also(record: Record, *measurements: Measurement) -> Record:
    """The same record with more measurements."""
    return record.model_copy(update={"measurements": (*record.measurements, *measurements)})


def share(value: float, metric: str = "top1", split: str = "test", items: int = 360, **at: str | int) -> Measurement:
    """A measured share of items."""
    return Measurement(
        metric=metric,
        unit="1",
        better="lower" if metric == "ece" else "higher",
        kind="exact",
        split=split,
        at={**at},
        value=value,
        details={"items": items},
    )


def at_batch(record: Record, batch: int, **changes: Any) -> Record:
    """The same record with its throughput at one more batch."""
    rate = next(m for m in record.measurements if m.metric == "images_per_s")
    return also(record, rate.model_copy(update={"at": {"batch": batch}, **changes}))


def timed(plan: Plan = PLAN) -> Iterator[Record]:
    """The plan in plain fp32 and in bf16, where removals gain a fifth more and accuracies are a point lower."""
    for record in assured(plan):
        yield record
        value = next(m.value or 0.0 for m in record.measurements if (m.metric, m.split) == ("top1", "test"))
        yield also(in_runtime(record, "bf16", BF16, faster=1.2), share(value - 0.01, dtype="bf16"))


def viewed(records: Iterable[Record], plan: Plan = PLAN) -> View:
    """The view of these records."""
    held = tuple(records)
    index = index_of(plan).model_copy(update={"trials": tuple(record.trial for record in held)})
    return view_of(index, Reading(held, ()))
