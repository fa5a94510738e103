"""What is said of one part of a trial on two sides, and what a comparison was asked to heed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from harness.records import Measurement
from harness.repetition.finding import title
from harness.results import TrialResult, question
from harness.schema import Json

Mark: TypeAlias = Literal["=", "+", "-", "~", "?"]
MARKS: dict[Mark, str] = {"=": "equal", "+": "better", "-": "worse", "~": "no sure difference", "?": "unknown"}
PRESENCE = "trial"  # what a finding is of that is about a whole trial
SIDES = ("first", "second")


@dataclass(frozen=True)
class Limits:
    """When a difference counts.

    `level` is the probability of any false alarm in a whole comparison; `effect` the share by which a noisy metric must
    have moved; `tolerance` that by which an exact outcome may move from one machine class to another, where nothing
    is the same to the bit; `between` the standard deviation of a ratio from run to run, as a share, where it is stated.
    """

    level: float = 0.01
    effect: float = 0.03
    tolerance: float = 0.005
    between: float | None = None


@dataclass(frozen=True)
class Finding:
    """One part of a trial: its mark, both values in base units, and a sentence where there is more to say.

    `change` is a share of the first value, above zero where the second is larger; of a noisy metric that was judged it
    is the shift that was tested. `p` is adjusted for the whole comparison; `detectable` is the smallest worsening that
    would have been seen with 95 % probability, null where no move would have been believed. `also` counts the other
    trials that show the same measurement. `is_missing`: the second side has nothing of what the first one has.
    """

    trial: str
    machine_class: str
    what: str
    kind: Literal["exact", "noisy"]
    mark: Mark
    first: Json = None
    second: Json = None
    unit: str = ""
    change: float | None = None
    note: str = ""
    p: float | None = None
    detectable: float | None = None
    also: int = 0
    is_missing: bool = False


def named(m: Measurement) -> str:
    """How a measurement is called, whichever revision of its collector took it: `latency_s (batch 1)`."""
    return title(question(m))


def nulls(own: Measurement, other: Measurement) -> str:
    """On which sides there is no value, and why."""
    sides = zip(SIDES, (own, other), strict=True)
    return "; ".join(f"null on the {side} side: {m.reason or 'no reason'}" for side, m in sides if m.value is None)


def is_gone(m: Measurement, result: TrialResult) -> bool:
    """Whether no revision of its collector measured it there."""
    return all(named(other) != named(m) for other in result.measurements.values())


def absent(m: Measurement, result: TrialResult, side: str) -> str:
    """Why a measurement has nothing beside it on that side."""
    how = "not measured" if is_gone(m, result) else "measured by another revision of its collector"
    return f"{how} on the {side} side"
