"""A file that `pytest-benchmark compare` reads: the repeats of each timed step, with its own statistics."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from harness.exports.base import Results, benchmark_name
from harness.records import Environment, Measurement
from harness.results import TrialResult
from harness.schema import Json
from harness.tables.row import spelled_at

METRIC = "latency_s"
VERSION = "5.1.0"  # of the form of the file


def pytest_benchmark(given: Results) -> bytes:
    """JSON with one benchmark per trial and timed step, in seconds; no host, user or path is in it."""
    timed = [(result, m) for result in given.good for m in result.measurements.values() if _is_timed(m)]
    last = max((run.finished for result, _ in timed for run in result.runs), default="")
    environment = next((result.environment for result, _ in timed if result.environment), None)
    told: dict[str, Json] = {
        "machine_info": _machine(environment),
        "commit_info": _commit(environment, last),
        "benchmarks": [_benchmark(given.study, result, m) for result, m in timed],
        "datetime": last,
        "version": VERSION,
    }
    return (json.dumps(told, indent=2, ensure_ascii=False) + "\n").encode()


def _is_timed(m: Measurement) -> bool:
    """Equal structures share one measurement, which is one benchmark: that of the trial that was timed."""
    return m.metric == METRIC and m.value is not None and len(m.samples) > 1 and m.shared_from is None


def _benchmark(study: str, result: TrialResult, m: Measurement) -> dict[str, Json]:
    at = spelled_at(m)
    name = benchmark_name(result) + (f"[{at}]" if at else "")
    return {
        "group": f"{result.info.model}, {result.machine_class}",
        "name": name,
        "fullname": f"{study}::{name}",
        "params": {key: value for key, value in m.at.items() if key != "revision"},
        "param": at or None,
        "extra_info": {
            "machine_class": result.machine_class,
            "criterion": result.info.criterion,
            "removed": list(result.removed),
            "quality": m.quality,
        },
        "options": {
            **{"disable_gc": False, "timer": "perf_counter", "min_rounds": len(m.samples), "warmup": False},
            **{"max_time": 0.0, "min_time": 0.0},
        },
        "stats": _stats(m.samples),
    }


def _stats(samples: Sequence[float]) -> dict[str, Json]:
    """Seconds, as pytest-benchmark names them; outliers are those beyond a deviation, and beyond Tukey's fences."""
    values = np.sort(np.asarray(samples, dtype=float))
    q1, median, q3 = (float(q) for q in np.quantile(values, [0.25, 0.5, 0.75]))
    mean, deviation, iqr = float(values.mean()), float(values.std(ddof=1)), q3 - q1
    low, high = q1 - 1.5 * iqr, q3 + 1.5 * iqr
    outside = int(np.count_nonzero((values < low) | (values > high)))
    far = int(np.count_nonzero(np.abs(values - mean) > deviation))
    return {
        "min": float(values[0]),
        "max": float(values[-1]),
        "mean": mean,
        "stddev": deviation,
        "rounds": len(values),
        "median": median,
        "iqr": iqr,
        "q1": q1,
        "q3": q3,
        "iqr_outliers": outside,
        "stddev_outliers": far,
        "outliers": f"{far};{outside}",
        "ld15iqr": float(values[values >= low][0]),
        "hd15iqr": float(values[values <= high][-1]),
        "ops": 1 / mean,
        "total": float(values.sum()),
        "data": [float(value) for value in samples],
        "iterations": 1,
    }


def _machine(environment: Environment | None) -> dict[str, Json]:
    if environment is None:
        return {"machine": "unknown", "cpu": {}}
    machine, versions = environment.machine, environment.versions
    return {
        "machine": environment.machine_class,
        "system": machine.get("system"),
        "python_implementation": "CPython",
        "python_version": versions.get("python"),
        "cpu": {
            "brand_raw": machine.get("cpu"),
            "arch": machine.get("architecture"),
            "count": machine.get("cores_logical"),
        },
    }


def _commit(environment: Environment | None, last: str) -> dict[str, Json]:
    project = environment.project if environment else {}
    return {
        "id": project.get("commit"),
        "time": last,
        "dirty": bool(project.get("dirty")),
        "project": None,
        "branch": None,
    }
