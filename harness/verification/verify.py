"""Checks everything that lies in a folder of records, one file after the other, then what they say of each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

from pydantic import ValidationError

from harness.errors import HarnessError
from harness.packs import packed
from harness.record_file import RecordFile, UnreadableError, believed, loaded
from harness.record_lines import Line, lines_of, plan_in, whole
from harness.records import Record, StudyIndex
from harness.schema import Json, unsealed
from harness.upgrades import OF_PLANS, upgraded
from harness.verification import identity, numbers, removal
from harness.verification.company import Facts, facts_of, hold_together
from harness.verification.places import MOST, Found, found_in
from harness.verification.sums import of_sums
from harness.verification.verdict import Checked, Verified
from harness.wording import sized

Further: TypeAlias = Callable[[Record, Checked], None]  # adds what else it finds
MOST_FINDINGS = 20  # of one record that are told
MARKS = {"schema", "trial", "run"}  # keys that every record has: any other JSON file is none


def verify(folder: Path, further: Further | None = None) -> Verified:
    """The verdict on each record, plan and list of checksums; raises StoreError where there is no such folder.

    Nothing in the folder is executed, and nothing outside of it is opened.
    """
    checked: list[Checked] = []
    facts: list[Facts] = []
    for found in found_in(folder):
        for record, one in _in_file(found):
            checked.append(one)
            if record is not None:
                _check(record, one)
                if further is not None:
                    further(record, one)
                facts.append(facts_of(record, one))
    hold_together(facts)
    return Verified(tuple(checked))


def _check(record: Record, one: Checked) -> None:
    one.trial, one.run = record.trial.id, record.run.id
    checks: tuple[Iterator[str], ...] = (
        identity.of_trial(record.trial),
        identity.of_run(record),
        identity.of_environment(record.environment),
        removal.of_removal(record),
        removal.of_proof(record),
        removal.of_counts(record),
        numbers.of_measurements(record),
        numbers.of_outcomes(record),
    )
    for sentences in checks:
        one.findings += sentences
    more = len(one.findings) - MOST_FINDINGS
    if more > 0:
        one.findings[MOST_FINDINGS:] = [f"and {more} more"]


def _in_file(found: Found) -> Iterator[tuple[Record | None, Checked]]:
    """What a file holds: records with the verdict that is begun on each, or a verdict alone."""
    if found.kind == "refused":
        yield None, Checked(found.place, "file", is_readable=False, findings=[found.why])
    elif found.kind == "sums":
        yield from ((None, one) for one in of_sums(found.path, found.place))
    elif found.kind == "plan":
        yield None, _plan(found)
    elif found.kind == "lines":
        yield from _lines(found)
    elif found.kind == "pack":
        yield from _packed(found)
    else:
        yield from _record(found.path, found.place)


def _record(path: RecordFile, place: str) -> Iterator[tuple[Record | None, Checked]]:
    """The record of a file, held against the folder and name that it lies under."""
    one = Checked(place)
    try:
        raw = loaded(path)
        if not MARKS & raw.keys():
            return  # some other JSON file
        record = believed(raw)
    except UnreadableError as error:
        yield None, _unread(one, str(error))
        return
    if (record.trial.id, record.run.id) != (path.parent.name, path.stem):
        one.findings.append(f"holds run {record.run.id} of trial {record.trial.id}, and lies under another name")
    yield record, one


def _packed(found: Found) -> Iterator[tuple[Record | None, Checked]]:
    try:
        for member in packed(found.path.parent):
            place = f"{found.place}/{member.info.filename}"
            if member.size > MOST["record"]:
                yield None, _unread(Checked(place), f"is larger ({sized(member.size)}) than any record")
            else:
                yield from _record(member, place)
    except UnreadableError as error:
        yield None, _unread(Checked(found.place, "file"), str(error))


def _lines(found: Found) -> Iterator[tuple[Record | None, Checked]]:
    lines = lines_of(found.path)
    yield None, _first_line(next(lines, {}), f"{found.place}:1")
    for number, line in enumerate(lines, start=2):
        one = Checked(f"{found.place}:{number}")
        try:
            yield believed(whole(line)), one
        except UnreadableError as error:
            yield None, _unread(one, str(error))


def _first_line(line: Line, place: str) -> Checked:
    one = Checked(place, "plan")
    try:
        _check_plan(plan_in(line), one)
    except UnreadableError as error:
        return _unread(one, str(error))
    return one


def _plan(found: Found) -> Checked:
    one = Checked(found.place, "plan")
    try:
        raw: dict[str, Json] = unsealed(loaded(found.path))
        _check_plan(StudyIndex.model_validate(upgraded(raw, OF_PLANS)), one)
    except (UnreadableError, ValidationError, HarnessError, ValueError) as error:
        return _unread(one, str(error).partition("\n")[0])
    return one


def _check_plan(plan: StudyIndex, one: Checked) -> None:
    wrong = [f"{trial.id}: {sentence}" for trial in plan.trials for sentence in identity.of_trial(trial)]
    one.findings += wrong[:MOST_FINDINGS]


def _unread(one: Checked, reason: str) -> Checked:
    one.is_readable = False
    one.findings.append(reason)
    return one
