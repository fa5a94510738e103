"""Do records bear each other out: baselines, shared costs, runs that are there twice?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from harness.records import Measurement, Record
from harness.verification.verdict import Checked

COUNTED = ("macs", "flops", "params")  # whose details hold the baseline's value


@dataclass(frozen=True, slots=True)
class Facts:
    """What of a record others are held against, small enough to keep of every one."""

    checked: Checked
    trial: str
    run: str
    checksum: str
    is_ok: bool
    baseline: str | None
    prepared: str | None
    data: tuple[tuple[str, str], ...]
    values: dict[str, float | None]
    baselines: dict[str, float]
    shared: tuple[tuple[str, str, str], ...]


def facts_of(record: Record, checked: Checked) -> Facts:
    """What a record holds for others, and claims of them."""
    prepared = record.run.stages.get("prepare")
    return Facts(
        checked=checked,
        trial=record.trial.id,
        run=record.run.id,
        checksum=record.checksum,
        is_ok=record.status == "ok",
        baseline=record.trial.baseline,
        prepared=prepared.content if prepared else None,
        data=tuple(sorted((name, part.sha256) for name, part in record.data.items())),
        values={m.key: m.value for m in record.measurements},
        baselines={m.key: known for m in record.measurements if (known := _baseline(m)) is not None},
        shared=tuple(_shared(record)),
    )


def hold_together(facts: Iterable[Facts]) -> None:
    """Adds to each record what others show about it; a trial of two studies is one, for its id says all that it is."""
    held = list(facts)
    by_trial: dict[str, list[Facts]] = {}
    for one in held:
        by_trial.setdefault(one.trial, []).append(one)
    for one in held:
        if any(other.run == one.run and other.checksum != one.checksum for other in by_trial[one.trial]):
            one.checked.findings.append(f"run {one.run} is here twice, with other content")
        if one.is_ok and one.baseline is not None:
            _hold_to_baseline(one, [other for other in by_trial.get(one.baseline, []) if other.is_ok])
        for key, trial, run in one.shared:
            owners = [other for other in by_trial.get(trial, []) if other.run == run and key in other.values]
            _hold_to_owners(one, key, f"run {run} of {trial}", owners)


def _hold_to_baseline(one: Facts, baselines: list[Facts]) -> None:
    if not baselines:
        one.checked.notes.append(f"its baseline {one.baseline} is not here")
        return
    if all((other.prepared, other.data) != (one.prepared, one.data) for other in baselines):
        one.checked.notes.append("its baseline is here, of other weights or data: the two pair in no table")
    for key, value in one.baselines.items():
        measured = [known for other in baselines if (known := other.values.get(key)) is not None]
        if measured and value not in measured:
            told = (
                f"{_metric(key)} of its baseline is {value:,.0f} here, and the baseline itself has {measured[-1]:,.0f}"
            )
            one.checked.findings.append(told)


def _hold_to_owners(one: Facts, key: str, where: str, owners: list[Facts]) -> None:
    if not owners:
        one.checked.notes.append(f"{_metric(key)} was measured in {where}, which is not here")
    elif all(other.values[key] != one.values[key] for other in owners):
        one.checked.findings.append(f"{_metric(key)} is not what {where} measured, from which it was taken")


def _metric(key: str) -> str:
    return key.partition("|")[0]


def _baseline(m: Measurement) -> float | None:
    found = m.details.get("baseline")
    if m.metric not in COUNTED or not isinstance(found, int | float):
        return None
    try:
        return float(found)
    except OverflowError:  # an integer that no network has
        return math.inf


def _shared(record: Record) -> Iterator[tuple[str, str, str]]:
    """Key, trial and run of what was measured elsewhere."""
    for m in record.measurements:
        if m.shared_from is not None:
            yield m.key, m.shared_from.trial, m.shared_from.run
