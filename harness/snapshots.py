"""Records kept to compare with later: one compressed file of JSON lines, first the plan, then every run."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.errors import Problem, SpecError, StoreError, suggestion
from harness.record_file import UnreadableError, believed, in_words
from harness.record_lines import FILE, Line, lines_of, plan_in, whole, write_lines
from harness.records import Record, StudyIndex
from harness.schema import NAME
from harness.store import Store

FOLDER = "snapshots"  # of a results folder


@dataclass(frozen=True)
class Snapshot:
    """A study as it was when it was kept: its plan and every record."""

    index: StudyIndex
    records: tuple[Record, ...]


def save(store: Store, study: str, folder: Path, held: Iterable[Record] | None = None) -> Path:
    """Puts the plan and the trusted records of a study into `folder`; the same records give the same bytes.

    `held` are its records where they were read before.
    """
    path = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_lines(path, store.read_index(study), store.records(study) if held is None else held)
    except OSError as error:
        raise StoreError(f"{path.name}: {in_words(error, 'written')}") from None
    return path


def read(path: Path) -> Snapshot:
    """A snapshot from its folder or file; raises StoreError where it is absent, damaged, or newer than this harness."""
    path = path / FILE if path.is_dir() else path
    lines = lines_of(path)
    try:
        index = plan_in(next(lines, {}))
        return Snapshot(index, tuple(_record(number, line) for number, line in enumerate(lines, start=1)))
    except UnreadableError as error:
        raise StoreError(f"{path.parent.name}/{path.name}: not a readable snapshot: {error}") from None


def restore(folder: Path, store: Store) -> str:
    """Writes a snapshot's plan and records into an empty results folder, and gives the name of the study."""
    found = read(folder)
    store.write_index(found.index)
    for record in found.records:
        store.write_record(record)
    return found.index.study


def place(results: Path, name: str) -> Path:
    """The folder of a snapshot, which need not be there; raises SpecError for what is no name."""
    if not re.fullmatch(NAME, name):
        raise SpecError(Problem("snapshot", f"{name!r} must hold only a-z, 0-9, _ and -, at most 64"))
    return results / FOLDER / name


def kept(results: Path) -> dict[str, tuple[str, ...]]:
    """The studies of every snapshot in a results folder, both by name."""
    folders = sorted(path for path in (results / FOLDER).glob("*") if re.fullmatch(NAME, path.name))
    found = {folder.name: studies_in(folder) for folder in folders}
    return {name: studies for name, studies in found.items() if studies}


def studies_in(folder: Path) -> tuple[str, ...]:
    """The studies that a snapshot's folder holds."""
    return tuple(sorted(path.parent.name for path in folder.glob(f"*/{FILE}")))


def existing(results: Path, name: str) -> Path:
    """The folder of a snapshot that is there; raises StoreError, with the names that are, for any other."""
    folder = place(results, name)
    if not studies_in(folder):
        raise StoreError(f"no snapshot {name!r} in {results.name}; {suggestion(name, kept(results))}")
    return folder


def drop(results: Path, name: str, study: str | None = None) -> tuple[str, ...]:
    """Takes a snapshot away, or one study of it, and gives the names of the studies that went."""
    folder = existing(results, name)
    held = studies_in(folder)
    if study is not None and study not in held:
        raise StoreError(f"snapshot {name!r} holds no study {study!r}; {suggestion(study, held)}")
    gone = held if study is None else (study,)
    try:
        for each in gone:
            shutil.rmtree(folder / each)
        if not any(folder.iterdir()):
            folder.rmdir()
    except OSError as error:
        raise StoreError(f"snapshot {name!r}: {in_words(error, 'removed')}") from None
    return gone


def _record(number: int, line: Line) -> Record:
    """The record of a line; raises UnreadableError for one that was changed since, is newer, or is none."""
    try:
        return believed(whole(line))
    except UnreadableError as error:
        raise UnreadableError(f"record {number}: {error}") from None
