"""What a trial and its baseline say together: drops, savings, speed-ups. Computed when read, stored nowhere."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from harness import stats
from harness.records import Measurement
from harness.results import TrialResult
from harness.runtimes import OF_OUTCOMES
from harness.schema import Json
from harness.stats import Interval
from harness.tables.columns import OUTCOME

CASES = ((f"{OUTCOME}_drop", OUTCOME, "test"), (f"{OUTCOME}_validation_drop", OUTCOME, "validation"))
RISES = (
    ("bits_per_byte_rise", "bits_per_byte", "test"),
    ("bits_per_byte_validation_rise", "bits_per_byte", "validation"),
)
RATIOS = (
    ("perplexity_ratio", "perplexity", "test"),
    ("perplexity_validation_ratio", "perplexity", "validation"),
)
SAVED = (("macs_saved", "macs"), ("params_saved", "params"), ("kv_cache_saved", "kv_cache_bytes"))
FEWEST_PAIRS = 6  # the median lies between the smallest and the largest of n values with probability 1 - 2^(1 - n)
COPIES = (
    0.01  # by so much two copies of one network differ, which no interval of one process tells (docs/performance.md)
)
CORRUPTED = {"corruption", "severity"}  # conditions of a corrupted outcome that is otherwise plain
NOT_PLAIN = {"corruption", *OF_OUTCOMES}  # conditions under which an outcome is another one
SPEEDUPS = {
    "latency_s": "speedup",
    "images_per_s": "speedup_throughput",
    "prefill_tokens_per_s": "speedup_prefill",
    "decode_tokens_per_s": "speedup_decode",
}
DEPLOYED, OF_FORMS = "deployed_latency_s", "speedup_deployed"  # pairs of one network's two forms, of baselines too
TIMED_WORDS = {
    "latency_s": "latency",
    "images_per_s": "throughput",
    "prefill_tokens_per_s": "prompt speed",
    "decode_tokens_per_s": "writing speed",
}


@dataclass(frozen=True)
class Speedup:
    """How many times faster than its baseline, with a 95 % interval over the repeats if they are enough."""

    value: float
    interval: Interval | None


class Baselines:
    """Finds the baseline of a trial: on its own machine class if there, else on another one."""

    def __init__(self, results: Iterable[TrialResult]) -> None:
        self._by_id: dict[str, dict[str, TrialResult]] = {}
        for result in results:
            self._by_id.setdefault(result.info.id, {})[result.machine_class] = result

    def of(self, result: TrialResult) -> TrialResult | None:
        """The trial's baseline, if it has an ok run."""
        held = self._by_id.get(result.info.baseline or "", {})
        others = [held[name] for name in sorted(held)]
        nearest = [held[result.machine_class]] if result.machine_class in held else []
        return next((other for other in nearest + others if other.status == "ok"), None)


def drops(result: TrialResult, baseline: TrialResult) -> dict[str, float]:
    """Losses of the outcome against the baseline; none where the two saw different weights or data."""
    if not same_ground(result, baseline):
        return {}
    found = {name: _difference(result, baseline, metric, split) for name, metric, split in CASES}
    found |= {name: _negative(_difference(result, baseline, metric, split)) for name, metric, split in RISES}
    found |= {name: _ratio(result, baseline, metric, split) for name, metric, split in RATIOS}
    return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True)
class Saved:
    """The share of an exact cost that is gone, under the conditions of `measurement`."""

    name: str
    measurement: Measurement
    share: float

    @property
    def image_size(self) -> Json:
        """Pixels a side; None is the network's own size."""
        return self.measurement.at.get("image_size")


def savings(result: TrialResult, baseline: TrialResult) -> tuple[Saved, ...]:
    """What is gone of each exact cost, against the baseline's under the same conditions."""
    names = {metric: name for name, metric in SAVED}
    whole = {m.bare_key: m.value for m in baseline.measurements.values() if m.metric in names}
    return tuple(
        Saved(names[m.metric], m, 1 - m.value / before)
        for m in result.measurements.values()
        if m.metric in names and m.value is not None and (before := whole.get(m.bare_key))
    )


def robust(result: TrialResult) -> float | None:
    """Mean of the outcome over all corruptions and severities of the test split in fp32; None where one is missing."""
    return _mean([value for values in _corrupted(result).values() for value in values])


def robust_by_corruption(result: TrialResult) -> dict[str, float]:
    """The same by corruption, over its severities; a corruption of which one is missing is left out."""
    means = {corruption: _mean(values) for corruption, values in _corrupted(result).items()}
    return {corruption: mean for corruption, mean in means.items() if mean is not None}


def _corrupted(result: TrialResult) -> dict[str, list[float | None]]:
    found: dict[str, list[float | None]] = {}
    for m in result.measurements.values():
        if (m.metric, m.split) == (OUTCOME, "test") and m.at.keys() == CORRUPTED:
            found.setdefault(str(m.at["corruption"]), []).append(m.value)
    return found


def _mean(values: list[float | None]) -> float | None:
    held = [value for value in values if value is not None]
    return math.fsum(held) / len(held) if held and len(held) == len(values) else None


def speedup(measurement: Measurement) -> Speedup | None:
    """The median of paired ratios, above 1 where the candidate is faster; None without pairs."""
    own, other = measurement.samples, measurement.baseline_samples
    if measurement.value is None or not own or len(own) != len(other) or min(*own, *other) <= 0:
        return None
    return _speedup(own, other, measurement.better)


def realised(speed: float, macs_saved: float) -> float | None:
    """Gain in speed over the gain that the saved MACs promise; None where nothing or everything is saved."""
    if not 0 < macs_saved < 1:
        return None
    return (speed - 1) / (1 / (1 - macs_saved) - 1)


def speedup_degradation(drop: float, speed: float) -> float | None:
    """gamma = (baseline - candidate) / (speedup - 1): accuracy points lost per per cent of speed-up.

    `drop` is a share of items and `speed` the baseline's time over the candidate's, so the hundreds of points and of
    per cent cancel. Negative where accuracy rises; of a candidate that is slower the sign means nothing, and where
    nothing is gained there is no ratio: both give None. From LLM-Drop (arXiv 2406.15786), which prints absolute points,
    as recomputing its tables shows.
    """
    return drop / (speed - 1) if speed > 1 else None


@lru_cache(maxsize=4096)  # equal structures share one measurement, and each of their trials asks for it
def _speedup(own: tuple[float, ...], other: tuple[float, ...], better: str) -> Speedup:
    mine, theirs = np.asarray(own), np.asarray(other)
    ratios = theirs / mine if better == "lower" else mine / theirs
    interval = stats.median_interval(ratios.tolist()) if len(ratios) >= FEWEST_PAIRS else None
    return Speedup(float(np.median(ratios)), interval)


def same_ground(result: TrialResult, baseline: TrialResult) -> bool:
    """Whether two trials began with the same weights and saw the same items, as far as the records tell."""
    mine, other = result.stages.get("prepare"), baseline.stages.get("prepare")
    same_weights = mine is None or other is None or mine.content == other.content
    shared = set(result.data) & set(baseline.data) & {"validation", "test"}
    return same_weights and all(result.data[name].sha256 == baseline.data[name].sha256 for name in shared)


def _difference(result: TrialResult, baseline: TrialResult, metric: str, split: str) -> float | None:
    before, after = _value(baseline, metric, split), _value(result, metric, split)
    return None if before is None or after is None else before - after


def _negative(value: float | None) -> float | None:
    return None if value is None else -value


def _ratio(result: TrialResult, baseline: TrialResult, metric: str, split: str) -> float | None:
    before, after = _value(baseline, metric, split), _value(result, metric, split)
    return None if not before or after is None else after / before


def _value(result: TrialResult, metric: str, split: str | None = None) -> float | None:
    return measured(result.measurements, metric, split)


def measured(measurements: Mapping[str, Measurement], metric: str, split: str | None = None) -> float | None:
    """The value of a metric on a split: without conditions if it was asked for so, else under its first ones.

    An outcome on changed items or in another arithmetic never stands for the plain one.
    """
    held = [m for m in measurements.values() if m.metric == metric and m.split == split and is_plain(m)]
    return next((m.value for m in sorted(held, key=lambda m: bool(m.at))), None)


def is_plain(measurement: Measurement) -> bool:
    """Whether an outcome is that of the items as they are, in plain fp32; a cost always is what it is called."""
    return measurement.split is None or not NOT_PLAIN & measurement.at.keys()
