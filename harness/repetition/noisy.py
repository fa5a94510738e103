"""Noisy measurements: raw where the machine is of the same class, and against the baseline timed beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

from harness.equivalence import Ratio, compared
from harness.records import Measurement
from harness.repetition.finding import Finding, title
from harness.schema import Json

TO_BASELINE = "ratio to baseline"


def noisy(old: Measurement, new: Measurement, margin: float, apart: str | None) -> list[Finding]:
    """Raw values and the ratio candidate / baseline; `apart` says why raw ones cannot be compared, None if they can.

    Times drift from process to process with the pace of the machine, for both networks alike. So where a baseline was
    timed beside it, a raw value is called different only if the ratio is, and nothing is on samples that are doubted.
    """
    if old.value is None or new.value is None:
        return [_null(old, new)]
    ratio = _to_baseline(old, new, margin) if old.baseline_samples else None
    return [_raw(old, new, margin, apart, ratio), *([ratio] if ratio else [])]


def _null(old: Measurement, new: Measurement) -> Finding:
    what = title(old.asked)
    if old.value is None and new.value is None and old.reason == new.reason:
        return Finding(what, "equal", note=f"null: {old.reason}", kind="noisy")
    sides = (("record", old), ("here", new))
    told = "; ".join(f"{where}: {one.reason or 'no reason'}" for where, one in sides if one.value is None)
    return Finding(what, "not compared", old.value, new.value, f"null; {told}", "noisy")


def _raw(old: Measurement, new: Measurement, margin: float, apart: str | None, ratio: Finding | None) -> Finding:
    what, values = title(old.asked), (old.value, new.value)
    if apart is None and old.samples and old.samples == new.samples and old.value == new.value:
        return Finding(what, "equal", *values, "every sample is the same", "noisy")
    missing = apart or _missing(old.samples, new.samples)
    if missing:
        return Finding(what, "not compared", *values, missing, "noisy")
    found = compared(old.samples, new.samples, margin)
    doubts = _doubts(old, new)
    if found.verdict == "different" and ratio is not None and ratio.verdict != "different":
        doubts.append(f"no difference of the network itself is shown: {_pace(old, new, margin)}")
    return _judged(what, values, found, margin, doubts)


def _to_baseline(old: Measurement, new: Measurement, margin: float) -> Finding:
    """Candidate / baseline, pair by pair."""
    what, mine, other = f"{title(old.asked)}: {TO_BASELINE}", _ratios(old), _ratios(new)
    values = (_mean(mine), _mean(other))
    missing = _missing(mine, other)
    if missing:
        return Finding(what, "not compared", *values, missing, "noisy")
    return _judged(what, values, compared(mine, other, margin), margin, _doubts(old, new))


def _judged(
    what: str, values: tuple[float | None, float | None], found: Ratio, margin: float, doubts: Sequence[str]
) -> Finding:
    """The test's verdict, but no difference is claimed where there is a doubt."""
    verdict = "undecided" if found.verdict == "different" and doubts else found.verdict
    return Finding(what, verdict, *values, "; ".join([_said(found), *doubts]), "noisy", _numbers(found, margin))


def _pace(old: Measurement, new: Measurement, margin: float) -> str:
    """How the baseline, timed in the same two processes, moved between them."""
    if _missing(old.baseline_samples, new.baseline_samples):
        return "the baseline's samples cannot be compared"
    moved = compared(old.baseline_samples, new.baseline_samples, margin).ratio - 1
    return f"the baseline timed beside it moved by {moved:+.1%}"


def _ratios(one: Measurement) -> tuple[float, ...]:
    """Empty where samples are not in pairs, or a baseline's is no positive number."""
    if len(one.samples) != len(one.baseline_samples) or min(one.baseline_samples, default=0.0) <= 0:
        return ()
    return tuple(own / base for own, base in zip(one.samples, one.baseline_samples, strict=True))


def _missing(old: Sequence[float], new: Sequence[float]) -> str:
    """Why samples cannot be compared; empty where they can."""
    if not old or not new:
        return f"no usable samples {'in the record' if not old else 'here'}"
    return "a sample that is not above zero has no logarithm" if min(*old, *new) <= 0 else ""


def _mean(ratios: Sequence[float]) -> float | None:
    return math.exp(fmean(map(math.log, ratios))) if ratios and min(ratios) > 0 else None


def _said(found: Ratio) -> str:
    if found.interval is None:
        return f"{found.ratio - 1:+.2%}; too few samples for a test"
    held = found.interval
    return f"{found.ratio - 1:+.2%}, 90 % interval {held.low - 1:+.2%} to {held.high - 1:+.2%}"


def _doubts(old: Measurement, new: Measurement) -> list[str]:
    sides = (("record", old), ("here", new))
    return [f"samples are {one.quality} ({where})" for where, one in sides if one.quality != "ok"]


def _numbers(found: Ratio, margin: float) -> dict[str, Json]:
    held = found.interval
    return {
        "ratio": found.ratio,
        "interval": None if held is None else [held.low, held.high],
        "p_equivalent": found.p_equivalent,
        "p_different": found.p_different,
        "margin": margin,
    }
