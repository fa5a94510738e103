"""One result per trial and machine class: what its newest trusted runs say together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.briefs import age
from harness.records import (
    Asked,
    Environment,
    Failure,
    Measurement,
    Outcome,
    PartInfo,
    Proof,
    Record,
    Run,
    SelectionInfo,
    StageRun,
    TrialInfo,
    Warned,
)

UNKNOWN_CLASS = "unknown"


@dataclass(frozen=True)
class TrialResult:
    """A trial on one machine class: each measurement from its newest ok run, or why there is none."""

    info: TrialInfo
    machine_class: str
    status: str
    reason: str | None
    failure: Failure | None
    removed: tuple[str, ...]
    recipe: Mapping[str, tuple[int, ...]]
    measurements: Mapping[str, Measurement]
    outcomes: tuple[Outcome, ...]
    proof: Proof | None
    selection: SelectionInfo | None
    stages: Mapping[str, StageRun]
    warnings: tuple[Warned, ...]
    data: Mapping[str, PartInfo]
    environment: Environment | None
    runs: tuple[Run, ...]


def latest(records: Iterable[Record]) -> tuple[TrialResult, ...]:
    """One result per trial and machine class, ordered by trial id.

    Each measurement comes from the newest ok run that has it. A trial without an ok run is shown with the reason of
    its newest run; a run that ended before its machine was known counts for whichever machine the trial ran on.
    """
    by_trial: dict[str, list[Record]] = {}
    for record in sorted(records, key=age, reverse=True):
        by_trial.setdefault(record.trial.id, []).append(record)
    return tuple(result for _, runs in sorted(by_trial.items()) for result in _by_class(runs))


def question(measurement: Measurement) -> Asked:
    """What was asked, whichever revision of its collector answered."""
    at = {key: value for key, value in measurement.at.items() if key != "revision"}
    return measurement.asked.model_copy(update={"at": at})


def _by_class(runs: Sequence[Record]) -> Iterator[TrialResult]:
    classes = {_class_of(run) for run in runs}
    for name in sorted(classes - {UNKNOWN_CLASS}) or [UNKNOWN_CLASS]:
        yield _merged(name, [run for run in runs if _class_of(run) in (name, UNKNOWN_CLASS)])


def _merged(machine_class: str, runs: Sequence[Record]) -> TrialResult:
    good = [run for run in runs if run.status == "ok"]
    shown = (good or runs)[0]
    held = good or [shown]
    measurements = _newest(m for run in reversed(good) for m in run.measurements)
    outcomes = {(o.split, o.metric, str(sorted(o.at.items()))): o for run in reversed(good) for o in run.outcomes}
    stages = {name: stage for run in reversed(held) for name, stage in run.run.stages.items()}
    return TrialResult(
        info=shown.trial,
        machine_class=machine_class,
        status=shown.status,
        reason=shown.reason or (shown.failure.message if shown.failure else None),
        failure=shown.failure,
        removed=next((run.removed for run in held if run.removed), ()),
        recipe=next((run.recipe for run in held if run.recipe), {}),
        measurements=measurements,
        outcomes=tuple(outcomes.values()),
        proof=next((run.proof for run in held if run.proof), None),
        selection=next((run.selection for run in held if run.selection), None),
        stages=stages,
        warnings=tuple({(w.code, w.message): w for run in held for w in run.warnings}.values()),
        data={name: part for run in reversed(held) for name, part in run.data.items()},
        environment=shown.environment,
        runs=tuple(run.run for run in held),
    )


def _newest(found: Iterable[Measurement]) -> dict[str, Measurement]:
    """Of each question the last answer with a value, else the last one.

    What was measured as an older revision of its collector did is dropped.
    """
    held: dict[str, Measurement] = {}
    for m in found:
        key = m.key
        if m.value is not None or key not in held or held[key].value is None:
            held[key] = m
    if not any("revision" in m.at for m in held.values()):
        return held
    bare = {key: m.bare_key for key, m in held.items()}
    newest: dict[str, int] = {}
    for key, m in held.items():
        newest[bare[key]] = max(newest.get(bare[key], 1), _revision(m))
    return {key: m for key, m in held.items() if _revision(m) == newest[bare[key]]}


def _revision(measurement: Measurement) -> int:
    found = measurement.at.get("revision", 1)
    return found if isinstance(found, int) else 1


def _class_of(record: Record) -> str:
    return record.environment.machine_class if record.environment else UNKNOWN_CLASS
