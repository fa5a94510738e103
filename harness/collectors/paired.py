"""From pairs to a measurement: its samples, its doubts in sentences, and the conditions that it was taken under."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import median, quantiles

from harness.collectors.base import Subject
from harness.collectors.metrics import answer
from harness.collectors.pairs import SETTLED, Pairs, drift, ratio_spread
from harness.device import Timing, arithmetic, attention_kernels
from harness.records import Asked, Measurement
from harness.schema import Json

Scaling = Callable[[float], float]
FEW_FAULTS = 1  # in a step; a page may be a large one


def paired(
    asked: Asked, pairs: Pairs, subject: Subject, noisy_above: float, value: float, scaled: Scaling
) -> Measurement:
    """The measurement of one question; `scaled` turns the seconds of a step into a sample of its metric."""
    tainted, noisy = _backwards(pairs), _noise(pairs, noisy_above)
    reasons = [text for text in (tainted, noisy) if text]
    return answer(
        asked,
        "noisy",
        value,
        samples=tuple(map(scaled, pairs.seconds)),
        baseline_samples=tuple(map(scaled, pairs.baseline_seconds)),
        rounds=tuple(pairs.rounds),
        quality="tainted" if tainted else "noisy" if noisy else "ok",
        reason="; ".join(reasons) or None,
        details=_details(pairs, subject),
        warnings=(*reasons, *_unsettled(pairs), *_faulty(pairs)),
    )


def _backwards(pairs: Pairs) -> str | None:
    if not pairs.backwards:
        return None
    taken = pairs.backwards + len(pairs.rounds)
    return f"tainted: the clock stood still or went back in {pairs.backwards} of {taken} pairs, which were dropped"


def _noise(pairs: Pairs, noisy_above: float) -> str | None:
    """A sentence where the samples are too noisy; None where they are not."""
    spread, moved = ratio_spread(pairs), drift(pairs)
    if spread > noisy_above:
        found = f"the interquartile range of the paired ratios is {spread:.0%} of their median, above {noisy_above:.0%}"
        return f"noisy: {found}"
    if moved > noisy_above:
        return f"noisy: the median ratio of a round is {moved:.0%} off that of all, above {noisy_above:.0%}"
    return None


def _unsettled(pairs: Pairs) -> tuple[str, ...]:
    """A warning where the warm-up ended before the times were steady."""
    if pairs.is_settled:
        return ()
    return (f"the times still moved by over {SETTLED:.0%} after {pairs.warmup_iterations} steps of warm-up",)


def _faulty(pairs: Pairs) -> tuple[str, ...]:
    """A warning where steps fetch memory anew that was given back: how much of it moves with the process's past."""
    mine, other = _page_faults(pairs.candidate), _page_faults(pairs.baseline)
    if max(mine, other) <= FEW_FAULTS:
        return ()
    return (f"a step fetched {mine:.0f} pages of memory anew and one of the baseline {other:.0f}, which takes time",)


def _details(pairs: Pairs, subject: Subject) -> dict[str, Json]:
    """Seconds per step by percentile, and under which conditions they were taken."""
    import torch

    now = arithmetic(subject.device)
    tf32: dict[str, Json] | None = None
    if now.tf32_matmul is not None:
        tf32 = {"matmul": now.tf32_matmul, "convolution": now.tf32_convolution}
    held = next((parameter.dtype for parameter in subject.candidate.parameters()), torch.get_default_dtype())
    return {
        **percentiles(pairs.seconds),
        "baseline": dict(percentiles(pairs.baseline_seconds)),
        "ratio_spread": ratio_spread(pairs),
        "ratio_drift": drift(pairs),
        "device_p50": _device_median(pairs.candidate),
        "baseline_device_p50": _device_median(pairs.baseline),
        "cold_first_s": pairs.cold_first_s[1],
        "baseline_cold_first_s": pairs.cold_first_s[0],
        "warmup_iterations": pairs.warmup_iterations,
        "iterations": pairs.iterations,
        "page_faults": _page_faults(pairs.candidate),
        "baseline_page_faults": _page_faults(pairs.baseline),
        "is_heap_held": pairs.is_heap_held,
        "threads": now.threads,
        "dtype": str(held).removeprefix("torch."),
        "tf32": tf32,
        "cudnn_benchmark": now.cudnn_benchmark,
        "compiled": subject.graphs(),
        "kernel": [*attention_kernels(pairs.eager)],
    }


def percentiles(seconds: tuple[float, ...]) -> Mapping[str, Json]:
    """Percentiles of two samples or more, between neighbours where none is hit, and the interquartile range."""
    cuts = quantiles(seconds, n=100, method="inclusive")
    found: dict[str, Json] = {f"p{cut}": cuts[cut - 1] for cut in (50, 90, 95, 99)}
    return found | {"iqr": cuts[74] - cuts[24]}


def _page_faults(timings: list[Timing]) -> float:
    return median(timing.page_faults for timing in timings)


def _device_median(timings: list[Timing]) -> float | None:
    known = [timing.device_s for timing in timings if timing.device_s is not None]
    return median(known) if known else None
