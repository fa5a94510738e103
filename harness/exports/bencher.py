"""Bencher Metric Format: for each trial its measures with their bounds, to be tracked over commits."""

from __future__ import annotations

import json
from collections.abc import Callable

from harness.exports.base import Results, benchmark_name
from harness.records import Measurement
from harness.tables.frame import Naming
from harness.tables.long import interval_of

# Bencher has two measures of its own, in its own units; all others keep our names and base units.
BUILT_IN: dict[str, tuple[str, Callable[[float], float]]] = {
    "latency_s": ("latency", lambda seconds: 1e9 * seconds),
    "images_per_s": ("throughput", lambda rate: rate),
}


def bencher(given: Results) -> bytes:
    """JSON of `{benchmark: {measure: {value, lower_value, upper_value}}}`, less what has no value, or another's."""
    naming = Naming.of(given.results)
    found = {
        benchmark_name(result): {
            name: told for m in result.measurements.values() for name, told in _measure(m, naming).items()
        }
        for result in given.good
    }
    return (json.dumps(found, indent=2, ensure_ascii=False) + "\n").encode()


def _measure(m: Measurement, naming: Naming) -> dict[str, dict[str, float]]:
    if m.value is None or m.shared_from is not None:
        return {}
    name, scaled = BUILT_IN.get(m.metric, (m.metric, float))
    split = "" if m.split in (None, "test") else f"-{m.split}"
    interval, _ = interval_of(m)
    ends = {} if interval is None else {"lower_value": scaled(interval.low), "upper_value": scaled(interval.high)}
    return {f"{name}{split}{naming.suffix(m)}": {"value": scaled(m.value), **ends}}
