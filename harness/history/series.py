"""Each metric of each trial on each kind of machine as a series: one point for each state of the code."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean
from typing import Literal, TypeAlias

from harness.briefs import age, moment
from harness.history.code import Code, code_of, ordering
from harness.history.commits import Line
from harness.records import Environment, Measurement, Record, TrialInfo
from harness.repetition.finding import title
from harness.repetition.noisy import TO_BASELINE

Value: TypeAlias = float | str
Better: TypeAlias = Literal["higher", "lower"]


@dataclass(frozen=True)
class Name:
    """Which series: a metric of a trial on a kind of machine; times on other devices or threads are other series."""

    trial: str
    metric: str
    machine_class: str
    device: str
    threads: int


@dataclass(frozen=True)
class Kind:
    """How its values are read: a text (a removed set, a status) has no unit, and neither way is better."""

    unit: str = ""
    better: Better | None = None
    is_exact: bool = True
    is_log: bool = False  # a ratio of values counts, not their difference


@dataclass(frozen=True)
class Point:
    """What runs at one state of the code found.

    An exact value is that of the newest run, `others` what older ones found instead; a noisy one is the mean of the
    runs, the geometric one where the series `is_log`.
    """

    code: Code
    made: Environment
    value: Value
    runs: int
    others: tuple[Value, ...] = ()


@dataclass(frozen=True)
class Series:
    """Points in order, for a trial whose labels are `trial`."""

    name: Name
    kind: Kind
    trial: TrialInfo
    points: tuple[Point, ...]

    @property
    def numbers(self) -> tuple[float, ...]:
        """The values on the scale on which they are compared; empty for texts."""
        values = [point.value for point in self.points]
        numbers = tuple(value for value in values if isinstance(value, float))
        if len(numbers) < len(values):
            return ()
        return tuple(map(math.log, numbers)) if self.kind.is_log else numbers


@dataclass(frozen=True)
class Accumulated:
    """All series of a study that have two points or more, and what was left out of them."""

    series: tuple[Series, ...]
    ordering: str
    states: tuple[Code, ...]  # in order
    single: int = 0  # series of one point
    left_out: int = 0  # runs that tell no machine, or were limited, and samples that are tainted


@dataclass(frozen=True)
class _Found:
    """One value of one run."""

    name: Name
    kind: Kind
    record: Record
    made: Environment
    value: Value


def accumulated(records: Iterable[Record], line: Line | None, metric: str | None = None) -> Accumulated:
    """The series of these records, of one metric if it is named; `line` is the repository at hand."""
    whole = sorted(records, key=age)
    usable = [record for record in whole if record.environment is not None and not record.run.limited]
    tainted = sum(m.quality == "tainted" for record in usable for m in record.measurements)
    codes = {id(record): code_of(one, line) for record in usable if (one := record.environment) is not None}
    states, said = _ordered(usable, codes, line)
    grouped: dict[tuple[Name, str, bool], list[_Found]] = {}
    for found in (value for record in usable for value in _values(record)):
        if metric is None or metric == found.name.metric.partition(" ")[0]:
            grouped.setdefault((found.name, found.kind.unit, found.kind.is_exact), []).append(found)
    series = [_series(held, codes, states) for held in grouped.values()]
    told = tuple(sorted((s for s in series if len(s.points) > 1), key=lambda s: (s.name.metric, s.name.trial)))
    return Accumulated(told, said, tuple(states), len(series) - len(told), len(whole) - len(usable) + tainted)


def metrics_of(records: Iterable[Record]) -> set[str]:
    """The names that series of these records can be asked for by."""
    return {one.name.metric.partition(" ")[0] for record in records if record.environment for one in _values(record)}


def _ordered(records: Sequence[Record], codes: dict[int, Code], line: Line | None) -> tuple[dict[Code, int], str]:
    """The place of each state of the code in the order of all, and in what order that is."""
    since: dict[Code, datetime] = {}
    for record in records:
        code, began = codes[id(record)], moment(record.run.started)
        since[code] = min(since.get(code, began), began)
    is_by_commit, said = ordering(since, line)

    def key(code: Code) -> tuple[int, bool, datetime, str]:
        by_commit = (code.place, code.is_dirty) if is_by_commit and code.place is not None else (0, False)
        return *by_commit, since[code], code.label

    return {code: place for place, code in enumerate(sorted(since, key=key))}, said


def _series(found: Sequence[_Found], codes: dict[int, Code], states: dict[Code, int]) -> Series:
    by_code: dict[Code, list[_Found]] = {}
    for one in found:
        by_code.setdefault(codes[id(one.record)], []).append(one)
    values = [one.value for one in found]
    is_log = not found[0].kind.is_exact and all(isinstance(value, float) and value > 0 for value in values)
    kind = Kind(found[-1].kind.unit, found[-1].kind.better, found[0].kind.is_exact, is_log)
    points = tuple(_point(code, by_code[code], kind) for code in sorted(by_code, key=states.__getitem__))
    return Series(found[0].name, kind, found[-1].record.trial, points)


def _point(code: Code, found: Sequence[_Found], kind: Kind) -> Point:
    values = [one.value for one in found]
    newest, others = values[-1], tuple(dict.fromkeys(value for value in values if value != values[-1]))
    numbers = [value for value in values if isinstance(value, float)]
    if not kind.is_exact:
        newest, others = math.exp(fmean(map(math.log, numbers))) if kind.is_log else fmean(numbers), ()
    return Point(code, found[-1].made, newest, len(values), others)


def _values(record: Record) -> Iterator[_Found]:
    """What a run found, each under the name of its series."""
    made = record.environment
    if made is None:
        return
    text, ended = Kind(), record.failure.kind if record.failure else None
    yield _Found(_name(record, made, "status"), text, record, made, f"failed: {ended}" if ended else record.status)
    if record.removed and record.status == "ok":
        yield _Found(_name(record, made, "removed"), text, record, made, " ".join(record.removed))
    if record.proof is not None:
        yield _Found(_name(record, made, "proof"), text, record, made, record.proof.status)
    for m in record.measurements:
        value = _value(m, record.trial)
        if value is not None:
            is_ratio = m.kind == "noisy" and _has_baseline(m, record.trial)
            metric = f"{title(m.asked)}, {TO_BASELINE}" if is_ratio else title(m.asked)
            kind = Kind("1" if is_ratio else m.unit, m.better, m.kind == "exact")
            yield _Found(_name(record, made, metric), kind, record, made, value)


def _value(m: Measurement, trial: TrialInfo) -> Value | None:
    """One number of a measurement; None where it is no measurement of its own, or not to be trusted."""
    if m.kind == "exact":
        return None if m.value is None else float(m.value)
    if m.value is None or m.quality == "tainted" or m.shared_from is not None:
        return None
    if _has_baseline(m, trial):
        pairs = zip(m.samples, m.baseline_samples, strict=True)
        return math.exp(fmean(math.log(own / other) for own, other in pairs))
    return math.exp(fmean(map(math.log, m.samples))) if m.samples and min(m.samples) > 0 else float(m.value)


def _has_baseline(m: Measurement, trial: TrialInfo) -> bool:
    """Whether a baseline was measured beside it, that is not the trial itself."""
    pairs = (*m.samples, *m.baseline_samples)
    return not trial.is_baseline and 0 < len(m.samples) == len(m.baseline_samples) and min(pairs) > 0


def _name(record: Record, made: Environment, metric: str) -> Name:
    device = made.device.partition(":")[0]
    return Name(record.trial.id, metric, made.machine_class, device, made.threads)
