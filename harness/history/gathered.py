"""Every record of a study that lies in a results folder: its own, and those of all snapshots of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness import snapshots
from harness.record_file import UnreadableError, believed
from harness.record_lines import FILE, lines_of, whole
from harness.records import Record
from harness.store import Store


@dataclass(frozen=True)
class Gathered:
    """The records, each run once; how many came from where; in sentences what could not be read."""

    records: tuple[Record, ...]
    sources: dict[str, int]
    refused: tuple[str, ...]


def gathered(store: Store, study: str) -> Gathered:
    """Raises SpecError for a name that can be no study's."""
    reading = store.read(study)
    runs = {(record.trial.id, record.run.id): record for record in reading.records}
    sources = {"results": len(runs)} if runs else {}
    refused = [f"{damaged.path}: {damaged.reason}" for damaged in reading.damaged]
    for path in sorted((store.root / snapshots.FOLDER).glob(f"*/{study}/{FILE}")):
        name = path.parent.parent.name
        records, wrong = _of_snapshot(path, study)
        refused += [f"{snapshots.FOLDER}/{name}/{study}/{FILE}: {reason}" for reason in wrong]
        fresh = {key: record for key, record in records.items() if key not in runs}
        sources |= {f"snapshot {name}": len(fresh)} if fresh else {}
        runs |= fresh
    return Gathered(tuple(runs.values()), sources, tuple(refused))


def _of_snapshot(path: Path, study: str) -> tuple[dict[tuple[str, str], Record], list[str]]:
    found: dict[tuple[str, str], Record] = {}
    wrong: list[str] = []
    for number, line in enumerate(lines_of(path)):
        if number == 0 and not isinstance(line, UnreadableError):
            continue  # the plan, which history does not ask
        try:
            record = believed(whole(line))
        except UnreadableError as error:
            wrong.append(f"line {number + 1}: {error}")
            continue
        if record.trial.study == study:
            found[record.trial.id, record.run.id] = record
    return found, wrong
