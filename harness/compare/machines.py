"""What each machine class measured, as ratios to its own baseline: raw times of two machines are never compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.records import Measurement
from harness.regressions.finding import named
from harness.results import TrialResult, latest
from harness.sides import Side
from harness.tables.derived import Baselines, Speedup, drops, speedup
from harness.tables.machines import machine_words
from harness.tables.qualities import QUALITIES


@dataclass(frozen=True)
class Point:
    """One candidate under one noisy metric: what its removal gains, and what it loses where that is known.

    `gain` is baseline / candidate where less is better, candidate / baseline elsewhere: above 1 a gain.
    """

    result: TrialResult
    metric: str
    gain: Speedup
    drop: float | None

    @property
    def setting(self) -> tuple[str, str, str, str]:
        """All that two targets must share to be set beside each other: metric, model, runtime, how much is removed."""
        info = self.result.info
        return self.metric, info.model, info.runtime, info.budget or f"{info.count} of {info.of}"


@dataclass(frozen=True)
class Machine:
    """A machine class by its name, with its candidates; `points` hold each noisy metric with its conditions."""

    name: str
    points: tuple[Point, ...]
    drops: Mapping[str, float]

    def of(self, metric: str) -> dict[str, Point]:
        """By digest of the spec."""
        return {point.result.info.digest: point for point in self.points if point.metric == metric}


def machines(sides: Iterable[Side]) -> tuple[Machine, ...]:
    """The machine classes of all sides, in their order; a trial that several sides hold counts once for a class."""
    held: dict[str, dict[str, TrialResult]] = {}
    for side in sides:
        for result in latest(side.records):
            if result.status == "ok":
                held.setdefault(result.machine_class, {}).setdefault(result.info.id, result)
    seen = (result for own in held.values() for result in own.values())
    names = machine_words((r.machine_class, r.environment) for r in seen if r.environment is not None)
    return tuple(_machine(names[key], [*own.values()]) for key, own in held.items() if key in names)


def _machine(name: str, results: Sequence[TrialResult]) -> Machine:
    baselines = Baselines(results)
    points: list[Point] = []
    lost: dict[str, float] = {}
    for result in results:
        baseline = baselines.of(result)
        if result.info.is_baseline or baseline is None:
            continue
        lost_here = drops(result, baseline)
        drop = next((lost_here[one.lost] for one in QUALITIES if one.lost in lost_here), None)
        if drop is not None:
            lost[result.info.digest] = drop
        points += (Point(result, named(m), gain, drop) for m, gain in _gains(result))
    return Machine(name, tuple(points), lost)


def _gains(result: TrialResult) -> Iterator[tuple[Measurement, Speedup]]:
    for m in result.measurements.values():
        found = speedup(m) if m.kind == "noisy" and m.quality != "tainted" else None
        if found is not None:
            yield m, found
