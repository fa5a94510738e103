"""The trials of two sides that answer the same question, each with what its runs measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.briefs import age
from harness.records import Environment, Measurement, Record
from harness.repetition.surroundings import commits_of
from harness.results import TrialResult, latest
from harness.sides import Side


@dataclass(frozen=True)
class Held:
    """A trial on one machine class as one side knows it: its result, and the runs that noisy metrics are read from.

    The runs are those of the newest run's commits (the project's and that of harness), as clean as it is, and of its
    versions, so that no side mixes what it is asked to tell apart.
    """

    result: TrialResult
    runs: tuple[Record, ...]

    @property
    def environment(self) -> Environment | None:
        """Where the newest of the runs was made."""
        return self.runs[-1].environment if self.runs else self.result.environment

    def measured(self, key: str) -> tuple[tuple[str, Measurement], ...]:
        """Every measurement of a question that has a value, each once, with the run that really made it."""
        found = {_origin(run, m): m for run in self.runs for m in run.measurements if m.key == key}
        return tuple((origin, m) for origin, m in found.items() if m.value is not None)


@dataclass(frozen=True)
class Pair:
    """A trial on both sides; None where one has no run of it."""

    first: Held | None
    second: Held | None

    @property
    def either(self) -> Held:
        """The second side's, whose labels are shown; the first's where there is no other."""
        found = self.second or self.first
        if found is None:
            raise ValueError("a pair of nothing")
        return found

    @property
    def is_across(self) -> bool:
        """Whether the two sides were measured on different machine classes."""
        if self.first is None or self.second is None:
            return False
        return self.first.result.machine_class != self.second.result.machine_class


def pairs(first: Side, second: Side) -> tuple[Pair, ...]:
    """Trials by equal spec, whatever they are called; on the same machine class where both sides have one.

    What only one side has stands alone. Where a spec has several names, their trials are paired by name.
    """
    mine, others = _held(first), _held(second)
    found = [pair for key in {**mine, **others} for pair in _paired(mine.get(key, []), others.get(key, []))]
    return tuple(sorted(found, key=_order))


def _order(pair: Pair) -> tuple[int, str, str]:
    info = pair.either.result.info
    return int(not info.is_baseline), info.id, pair.either.result.machine_class


def _held(side: Side) -> dict[str, list[Held]]:
    """By digest of the spec, one for each machine class."""
    by_trial: dict[str, list[Record]] = {}
    for record in sorted(side.records, key=age):
        by_trial.setdefault(record.trial.id, []).append(record)
    found: dict[str, list[Held]] = {}
    for result in latest(side.records):
        found.setdefault(result.info.digest, []).append(Held(result, _runs(result, by_trial[result.info.id])))
    return found


def _runs(result: TrialResult, records: Sequence[Record]) -> tuple[Record, ...]:
    own = [
        r for r in records if r.status == "ok" and r.environment and r.environment.machine_class == result.machine_class
    ]
    return tuple(record for record in own if _made_by(record) == _made_by(own[-1]))


def _made_by(record: Record) -> tuple[object, ...]:
    e = record.environment
    return () if e is None else (*commits_of(e), e.software_class, e.threads, e.device.partition(":")[0])


def _paired(mine: Sequence[Held], others: Sequence[Held]) -> Iterator[Pair]:
    left = list(others)
    alone: list[Held] = []
    for held in mine:
        alike = [other for other in left if other.result.machine_class == held.result.machine_class]
        called_so = [other for other in alike if other.result.info.id == held.result.info.id]
        beside = next(iter([*called_so, *alike]), None)
        if beside is None:
            alone.append(held)
        else:
            left.remove(beside)
            yield Pair(held, beside)
    # What is left of both was measured on different machine classes.
    while alone and left:
        yield Pair(alone.pop(0), left.pop(0))
    yield from (Pair(held, None) for held in alone)
    yield from (Pair(None, held) for held in left)


def _origin(run: Record, m: Measurement) -> str:
    """The run that took a measurement, which trials of equal structure share."""
    return f"{m.shared_from.trial}/{m.shared_from.run}" if m.shared_from else f"{run.trial.id}/{run.run.id}"
