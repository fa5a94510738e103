"""Records kept to compare with later: one compressed file of JSON lines, first the plan, then every run."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from pydantic import ValidationError

from harness.errors import StoreError
from harness.records import Record, StudyIndex
from harness.store import Store

FILE = "records.jsonl.gz"


def save(store: Store, study: str, folder: Path) -> Path:
    """Puts the plan and the trusted records of a study into `folder`; the same records give the same bytes."""
    lines = [store.read_index(study).model_dump(mode="json", by_alias=True)]
    lines += [record.to_json() for record in store.records(study)]
    text = "".join(json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n" for line in lines)
    path = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(text.encode(), mtime=0))
    except OSError as error:
        raise StoreError(f"{path.name}: cannot be written: {error.strerror}") from None
    return path


def restore(folder: Path, store: Store) -> str:
    """Writes a snapshot's plan and records into an empty results folder, and gives the name of the study."""
    path = folder / FILE
    try:
        head, *lines = gzip.decompress(path.read_bytes()).decode().splitlines()
        index = StudyIndex.model_validate_json(head)
        records = [Record.model_validate_json(line) for line in lines]
    except (OSError, EOFError, ValueError, ValidationError) as error:
        raise StoreError(f"{path.name}: not a readable snapshot: {str(error).partition(chr(10))[0]}") from None
    store.write_index(index)
    for record in records:
        store.write_record(record)
    return index.study
