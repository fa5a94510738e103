"""Records kept to compare with later: one compressed file of JSON lines, first the plan, then every run."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import zlib
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from harness.errors import Problem, SpecError, StoreError, suggestion
from harness.record_file import UnreadableError, believed, in_words
from harness.records import SCHEMA_NUMBER, Record, StudyIndex
from harness.schema import NAME
from harness.store import Store
from harness.whole_file import write_whole

FILE = "records.jsonl.gz"
FOLDER = "snapshots"  # of a results folder


@dataclass(frozen=True)
class Snapshot:
    """A study as it was when it was kept: its plan and every record."""

    index: StudyIndex
    records: tuple[Record, ...]


def save(store: Store, study: str, folder: Path) -> Path:
    """Puts the plan and the trusted records of a study into `folder`; the same records give the same bytes."""
    lines = [store.read_index(study).model_dump(mode="json", by_alias=True)]
    lines += [record.to_json() for record in store.records(study)]
    text = "".join(json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n" for line in lines)
    path = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, gzip.compress(text.encode(), mtime=0), is_synced=True)
    except OSError as error:
        raise StoreError(f"{path.name}: {in_words(error, 'written')}") from None
    return path


def read(path: Path) -> Snapshot:
    """A snapshot from its folder or file; raises StoreError where it is absent, damaged, or newer than this harness."""
    path = path / FILE if path.is_dir() else path
    shown = f"{path.parent.name}/{path.name}"
    try:
        head, *lines = gzip.decompress(path.read_bytes()).decode().splitlines()
        index = StudyIndex.model_validate_json(head)
        return Snapshot(index, tuple(_record(number, line) for number, line in enumerate(lines, start=1)))
    except UnreadableError as error:
        raise StoreError(f"{shown}: not a readable snapshot: {error}") from None
    except gzip.BadGzipFile:
        raise StoreError(f"{shown}: not a readable snapshot: no file of this kind") from None
    except (EOFError, zlib.error):
        raise StoreError(f"{shown}: not a readable snapshot: it is damaged or was cut short") from None
    except OSError as error:
        raise StoreError(f"{shown}: not a readable snapshot: {in_words(error, 'read')}") from None
    except (ValueError, ValidationError):
        raise StoreError(f"{shown}: not a readable snapshot: it does not begin with the plan of a study") from None


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


def _record(number: int, line: str) -> Record:
    """The record of a line; raises UnreadableError for one that was changed since, is newer, or is none."""
    try:
        raw = json.loads(line)
    except (ValueError, RecursionError):
        raise UnreadableError(f"record {number}: not JSON") from None
    if not isinstance(raw, dict):
        raise UnreadableError(f"record {number}: not a JSON object")
    schema = raw.get("schema")
    if isinstance(schema, int) and schema > SCHEMA_NUMBER:
        raise UnreadableError(f"schema {schema} is newer than {SCHEMA_NUMBER}, the newest known here; update harness")
    try:
        return believed(raw)
    except UnreadableError as error:
        raise UnreadableError(f"record {number}: {error}") from None
