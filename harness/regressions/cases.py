"""Each noisy measurement on both sides, as far as it can be judged: its samples, or the reason why it cannot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.records import Measurement
from harness.regressions.evidence import Evidence, Series, series
from harness.regressions.finding import SIDES, Finding, absent, is_gone, named, nulls
from harness.regressions.pairs import Held, Pair
from harness.repetition.noisy import TO_BASELINE
from harness.repetition.surroundings import SOFTWARE, UNKNOWN, apart


@dataclass(frozen=True)
class Case:
    """One measurement on both sides: its finding so far, and its samples where they can be judged.

    `doubt` is why no difference is believed. `is_resident`: bytes of a whole process, which vary by themselves.
    """

    finding: Finding
    better: str = "lower"
    sides: tuple[Series, Series] | None = None
    is_ratio: bool = True
    is_resident: bool = False
    doubt: str = ""
    evidence: Evidence | None = None

    @property
    def group(self) -> tuple[str, str]:
        """The metric and its conditions, on a machine class: what is judged together over all trials."""
        return self.finding.what, self.finding.machine_class


def cases(pairs: Iterable[Pair]) -> tuple[Case, ...]:
    """Every noisy measurement of trials that ended well on both sides; what trials share is there once."""
    held: dict[object, Case] = {}
    for number, case in enumerate(case for pair in pairs for case in _of_pair(pair)):
        key: object = number if case.sides is None else (case.group, *map(_identity, case.sides))
        before = held.get(key)
        if before is not None:
            case = replace(before, finding=replace(before.finding, also=before.finding.also + 1))
        held[key] = case
    return tuple(held.values())


def _identity(one: Series) -> bytes:
    return b"".join(run.tobytes() for run in one.runs)


def _of_pair(pair: Pair) -> Iterator[Case]:
    first, second = pair.first, pair.second
    if first is None or second is None or (first.result.status, second.result.status) != ("ok", "ok"):
        return
    for key, own in first.result.measurements.items():
        if own.kind == "noisy":
            yield _case(first, second, own, second.result.measurements.get(key))


def _case(first: Held, second: Held, own: Measurement, other: Measurement | None) -> Case:
    is_ratio = bool(own.baseline_samples) and not first.result.info.is_baseline
    what = f"{named(own)}: {TO_BASELINE}" if is_ratio else named(own)
    shown, value = second.result, None if other is None else other.value
    blank = Finding(shown.info.id, shown.machine_class, what, "noisy", "?", own.value, value, own.unit)
    if other is None:
        note, is_missing = absent(own, second.result, "second"), is_gone(own, second.result)
        return Case(replace(blank, note=note, is_missing=is_missing))
    if own.value is None or other.value is None:
        has_failed = own.value is not None and other.has_failed
        return Case(replace(blank, mark="-" if has_failed else "?", note=nulls(own, other)))
    taken = tuple(_believed(held, own.key) for held in (first, second))
    mine, theirs = (series(believed, is_ratio=is_ratio) for believed in taken)
    if isinstance(mine, str) or isinstance(theirs, str):
        told = [f"{side} side: {one}" for side, one in zip(SIDES, (mine, theirs), strict=True) if isinstance(one, str)]
        return Case(replace(blank, note="; ".join(told)))
    moved = _moved(blank, mine, theirs, is_ratio=is_ratio)
    if _identity(mine) == _identity(theirs):
        return Case(replace(moved, mark="=", note="the same samples"))
    against = _apart(first, second) or _told_of("tainted", taken)
    if against:
        return Case(replace(moved, note=against))
    is_resident = own.unit == "B" and "cuda" not in (second.environment.device if second.environment else "")
    return Case(moved, own.better, (mine, theirs), is_ratio, is_resident, _told_of("noisy", taken))


def _believed(held: Held, key: str) -> list[Measurement]:
    """Of all runs those that nothing tainted, where there are any."""
    found = [m for _, m in held.measured(key)]
    return [m for m in found if m.quality != "tainted"] or found


def _moved(blank: Finding, first: Series, second: Series, *, is_ratio: bool) -> Finding:
    """With the middle of each side's samples; of ratios these are the values that were compared."""
    low, high = (float(f"{np.exp(np.median(one.samples)):.12g}") for one in (first, second))
    return replace(blank, first=low, second=high, unit="" if is_ratio else blank.unit, change=high / low - 1)


def _told_of(quality: str, taken: Sequence[Sequence[Measurement]]) -> str:
    """Which sides have samples of that quality in any run, as a sentence; empty where none has."""
    found = [side for side, own in zip(SIDES, taken, strict=True) if any(m.quality == quality for m in own)]
    return f"its samples are {quality} on the {' and the '.join(found)} side" if found else ""


def _apart(first: Held, second: Held) -> str:
    """Why times of the two cannot be compared; other versions of libraries are no reason: they may be the question."""
    mine, other = first.environment, second.environment
    if mine is None or other is None:
        return UNKNOWN
    found = apart(mine, other)
    return ", ".join(f"another {name} ({a} and {b})" for name, (a, b) in found.items() if name != SOFTWARE)
