"""Times of candidate and baseline, taken in turn in one process: one pair is two neighbours in time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from statistics import median, quantiles

from pydantic import Field

from harness.collectors.base import Clock, Subject
from harness.device import Timing, arithmetic, attention_kernels, timed
from harness.schema import Json, Schema

Step = Callable[[], object]
MAX_WINDOWS = 4
SETTLED = 0.02  # relative change between the medians of two windows of warm-up
MAX_ITERATIONS = 10_000


class PairOptions(Schema):
    """How long to warm up and how often to measure; shared by all collectors that take times."""

    warmup: int = Field(5, ge=1, description="unmeasured steps of each network in a window; two windows at least")
    rounds: int = Field(3, ge=1, description="groups of samples, spread over time")
    pairs: int = Field(10, ge=2, description="samples of each network in a round")
    min_sample_s: float = Field(
        0.005, gt=0, description="a shorter step is repeated within a sample until it lasts so long"
    )
    noisy_above: float = Field(
        0.1, gt=0, description="largest interquartile range of the paired ratios, as a share of their median"
    )


@dataclass
class Pairs:
    """Samples at one batch size, in order of time; `candidate[i]` and `baseline[i]` are neighbours."""

    steps: tuple[Step, Step]
    cold_first_s: float
    warmup_iterations: int
    is_settled: bool
    iterations: int
    baseline: list[Timing] = field(default_factory=list)
    candidate: list[Timing] = field(default_factory=list)
    rounds: list[int] = field(default_factory=list)

    @property
    def seconds(self) -> tuple[float, ...]:
        """Wall-clock seconds per step of the candidate."""
        return tuple(timing.wall_s for timing in self.candidate)

    @property
    def baseline_seconds(self) -> tuple[float, ...]:
        """The same of the baseline."""
        return tuple(timing.wall_s for timing in self.baseline)


def measure(subject: Subject, batches: tuple[int, ...], clock: Clock, options: PairOptions) -> dict[int, Pairs]:
    """Pairs by batch size. Every round visits every batch size, so that each is spread over the whole time."""
    import torch

    with torch.inference_mode():
        found = {batch: _warmed_up(subject, batch, clock, options) for batch in batches}
        for number in range(options.rounds):
            for pairs in found.values():
                _one_round(pairs, number, subject.device, clock, options.pairs)
    return found


def _warmed_up(subject: Subject, batch: int, clock: Clock, options: PairOptions) -> Pairs:
    inputs = subject.example(batch)
    forward = subject.task.forward
    steps = (partial(forward, subject.baseline, inputs), partial(forward, subject.candidate, inputs))
    cold = timed(steps[1], subject.device, clock).wall_s
    timed(steps[0], subject.device, clock)
    before = _window(steps, subject.device, clock, options.warmup)
    windows, is_settled = 1, False
    while windows < MAX_WINDOWS and not is_settled:
        now = _window(steps, subject.device, clock, options.warmup)
        is_settled = all(abs(new - old) < SETTLED * old for new, old in zip(now, before, strict=True))
        before, windows = now, windows + 1
    shortest = max(min(before), options.min_sample_s / MAX_ITERATIONS)
    return Pairs(steps, cold, windows * options.warmup, is_settled, math.ceil(options.min_sample_s / shortest))


def _window(steps: tuple[Step, Step], device: str, clock: Clock, length: int) -> tuple[float, float]:
    """Medians of unmeasured steps, baseline and candidate in turn."""
    times = [[timed(step, device, clock).wall_s for step in steps] for _ in range(length)]
    return median(baseline for baseline, _ in times), median(candidate for _, candidate in times)


def _one_round(pairs: Pairs, number: int, device: str, clock: Clock, count: int) -> None:
    """One unmeasured pair to come back to this size, then samples; every second pair begins with the candidate."""
    for step in pairs.steps:
        step()
    kept = (pairs.baseline, pairs.candidate)
    for pair in range(count):
        for which in (0, 1) if pair % 2 == 0 else (1, 0):
            kept[which].append(timed(pairs.steps[which], device, clock, pairs.iterations))
        pairs.rounds.append(number)


def ratio_spread(pairs: Pairs) -> float:
    """Interquartile range of candidate / baseline, as a share of its median."""
    ratios = [mine / other for mine, other in zip(pairs.seconds, pairs.baseline_seconds, strict=True)]
    low, middle, high = quantiles(ratios, n=4, method="inclusive")
    return (high - low) / middle


def noise(pairs: Pairs, noisy_above: float) -> str | None:
    """A sentence where the samples are too noisy; None where they are not."""
    spread = ratio_spread(pairs)
    if spread <= noisy_above:
        return None
    return (
        f"noisy: the interquartile range of the paired ratios is {spread:.0%} of their median, above {noisy_above:.0%}"
    )


def unsettled(pairs: Pairs) -> tuple[str, ...]:
    """A warning where the warm-up ended before the times were steady."""
    if pairs.is_settled:
        return ()
    return (f"the times still moved by over {SETTLED:.0%} after {pairs.warmup_iterations} steps of warm-up",)


def details(pairs: Pairs, subject: Subject) -> dict[str, Json]:
    """Seconds per step by percentile, and under which conditions they were taken."""
    import torch

    now = arithmetic(subject.device)
    tf32: dict[str, Json] | None = None
    if now.tf32_matmul is not None:
        tf32 = {"matmul": now.tf32_matmul, "convolution": now.tf32_convolution}
    held = next((parameter.dtype for parameter in subject.candidate.parameters()), torch.get_default_dtype())
    return {
        **_percentiles(pairs.seconds),
        "baseline": dict(_percentiles(pairs.baseline_seconds)),
        "ratio_spread": ratio_spread(pairs),
        "device_p50": _device_median(pairs.candidate),
        "baseline_device_p50": _device_median(pairs.baseline),
        "cold_first_s": pairs.cold_first_s,
        "warmup_iterations": pairs.warmup_iterations,
        "iterations": pairs.iterations,
        "threads": now.threads,
        "dtype": str(held).removeprefix("torch."),
        "tf32": tf32,
        "cudnn_benchmark": now.cudnn_benchmark,
        "kernel": [*attention_kernels(pairs.steps[1])],
    }


def _percentiles(seconds: tuple[float, ...]) -> Mapping[str, Json]:
    cuts = quantiles(seconds, n=100, method="inclusive")
    found: dict[str, Json] = {f"p{cut}": cuts[cut - 1] for cut in (50, 90, 95, 99)}
    return found | {"iqr": cuts[74] - cuts[24]}


def _device_median(timings: list[Timing]) -> float | None:
    known = [timing.device_s for timing in timings if timing.device_s is not None]
    return median(known) if known else None
