"""One record from a file anywhere: its checksum and its schema are checked before it is believed."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from harness.errors import StoreError
from harness.records import SCHEMA_NUMBER, Record
from harness.schema import Json, problems_of, sha256

MOST_BYTES = 1 << 30
SHOWN = 3  # problems of a file that is none


def read_record(path: Path) -> Record:
    """The record; raises StoreError for a file that is absent, damaged, changed, newer than this harness, or none."""
    raw = _loaded(path)
    number = raw.get("schema")
    if isinstance(number, int) and number > SCHEMA_NUMBER:
        raise StoreError(
            f"{path.name}: schema {number} is newer than {SCHEMA_NUMBER}, the newest known here; update harness"
        )
    if not {"schema", "trial", "run"} <= raw.keys():
        raise StoreError(f"{path.name}: not a record: one lies under results/STUDY/TRIAL/, one file for each run")
    if raw.get("checksum") != sha256({key: value for key, value in raw.items() if key != "checksum"}):
        raise StoreError(
            f"{path.name}: its checksum does not fit its content: it was changed or cut short after it was written"
        )
    try:
        return Record.model_validate(raw)
    except ValidationError as error:
        raise StoreError(f"{path.name}: not a record: {'; '.join(map(str, problems_of(error)[:SHOWN]))}") from None


def _loaded(path: Path) -> dict[str, Json]:
    try:
        if path.is_dir():
            raise StoreError(f"{path.name}: is a folder; name one of its records, a file that ends in .json")
        if path.stat().st_size > MOST_BYTES:
            raise StoreError(f"{path.name}: larger than any record")
        raw = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_constant)
    except OSError as error:
        raise StoreError(f"{path.name}: cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        raise StoreError(f"{path.name}: not JSON: empty, cut short or written by something else") from None
    if not isinstance(raw, dict):
        raise StoreError(f"{path.name}: not a record: not a JSON object")
    return raw


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
