"""Do values follow from what they were made of: medians from samples, outcomes from those of every item?"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from statistics import harmonic_mean, median

import numpy as np
import numpy.typing as npt

from harness.records import Asked, Measurement, Outcome, Record
from harness.repetition.finding import title
from harness.repetition.items import name_of, unpacked

# How a value follows from the samples that are kept; of other metrics it only lies among them.
MADE_OF: dict[str, Callable[[Sequence[float]], float]] = {
    "latency_s": median,
    "deployed_latency_s": median,
    "peak_bytes": median,
    "images_per_s": harmonic_mean,  # every sample holds as many items, so all items by all the time
}
SHARES = ("top1", "top5", "ece")
PERPLEXITY = "perplexity"
EXAM = "lm_eval"
LARGEST = 700.0  # beyond it an exponential is no float
ROUNDING = 1e-9


def of_measurements(record: Record) -> Iterator[str]:
    """What a measurement contradicts itself in."""
    for m in record.measurements:
        for sentence in _of_one(m):
            yield f"{title(m.asked)}: {sentence}"


def of_outcomes(record: Record) -> Iterator[str]:
    """Outcomes that cannot be unpacked, and values that they do not give when they are counted again."""
    values = {m.key: m for m in record.measurements}
    for one in record.outcomes:
        key = _asked_key(one)
        for sentence in _of_items(one, values.get(key)):
            yield f"{name_of(one)}: {sentence}"


def _of_one(m: Measurement) -> Iterator[str]:
    if m.value is None:
        yield from ["is null for no reason"] if not m.reason else []
        return
    if m.metric in SHARES and not 0 <= m.value <= 1:
        yield f"{m.value} is no share"
    if m.baseline_samples and len(m.baseline_samples) != len(m.samples):
        yield f"{len(m.samples)} samples are paired with {len(m.baseline_samples)} of the baseline"
    if m.rounds and len(m.rounds) != len(m.samples):
        yield f"{len(m.samples)} samples lie in {len(m.rounds)} rounds"
    if m.samples:
        yield from _of_samples(m, m.value)
    yield from _of_shares(m, m.value)


def _of_samples(m: Measurement, value: float) -> Iterator[str]:
    made = MADE_OF.get(m.metric)
    low, high = min(m.samples), max(m.samples)
    if made is not None and low > 0:
        expected = made(m.samples)
        if not math.isclose(value, expected, rel_tol=ROUNDING):
            yield f"is {value:.6g}, and its samples give {expected:.6g}"
    elif not low * (1 - ROUNDING) <= value <= high * (1 + ROUNDING):
        yield f"is {value:.6g}, and its samples lie between {low:.6g} and {high:.6g}"


def _of_shares(m: Measurement, value: float) -> Iterator[str]:
    correct, items = m.details.get("correct"), m.details.get("items")
    if not isinstance(correct, int) or not isinstance(items, int) or items <= 0:
        return
    if not 0 <= correct <= items:
        yield f"says that {correct} of {items} are correct"
    elif value != correct / items:
        yield f"is {value:.6g}, and {correct} of {items} is {correct / items:.6g}"


def _of_items(one: Outcome, measured: Measurement | None) -> Iterator[str]:
    try:
        values = unpacked(one)
    except ValueError:
        yield "what is kept of the items cannot be unpacked"
        return
    if measured is None or measured.value is None or one.items == 0:
        return
    if one.encoding == "float64":
        yield from _of_likelihoods(one, values, measured.value)
        return
    counted = int(values.sum())
    share = counted / one.items
    # A group of tasks has its mean from those of the tasks, which rounds otherwise.
    if not (math.isclose(measured.value, share, rel_tol=ROUNDING) if one.metric == EXAM else measured.value == share):
        yield f"{counted} of {one.items} are right, and the value is {measured.value:.6g}"


def _of_likelihoods(one: Outcome, values: npt.NDArray[np.float64], value: float) -> Iterator[str]:
    """exp(-sum ln p / tokens) of documents that come with their tokens."""
    tokens = one.model_copy(update={"data": (one.weights or {}).get("tokens", "")})
    if one.metric != PERPLEXITY or not tokens.data:
        return
    try:
        counted = float(unpacked(tokens).sum())
    except ValueError:
        yield "the tokens of its documents cannot be unpacked"
        return
    mean = -float(values.sum()) / counted if counted > 0 else math.inf
    expected = math.exp(mean) if mean < LARGEST else math.inf
    if not math.isclose(value, expected, rel_tol=ROUNDING):
        yield f"its documents give {expected:.6g}, and the value is {value:.6g}"


def _asked_key(one: Outcome) -> str:
    return Asked(metric=one.metric, split=one.split, at=one.at).key
