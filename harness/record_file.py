"""One record from one file: its checksum and its schema are checked before it is believed."""

from __future__ import annotations

import errno
import json
from pathlib import Path, PurePath
from typing import Any, Protocol

from pydantic import ValidationError
from pydantic_core import from_json

from harness.briefs import moment
from harness.errors import StoreError
from harness.records import SCHEMA_NUMBER, Record, Run
from harness.schema import Json, problems_of, sha256
from harness.upgrades import OF_RECORDS, upgraded

FILE_NAME = r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,239}"  # of a trial, and of a run
NOT_JSON = "not JSON: empty, cut short or written by something else"
SHOWN = 3  # problems of a file that is none
KNOWN = {
    errno.ENOSPC: "no space is left on its disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EACCES: "may not be accessed; check the folder's permissions",
    errno.EPERM: "may not be accessed; check the folder's permissions",
    errno.EROFS: "lies on a read-only file system",
    errno.ENOTDIR: "a file stands where a folder should be",
    errno.EEXIST: "a file stands where a folder should be",
    errno.EISDIR: "is a folder; name one of its records, a file that ends in .json",
    errno.ENAMETOOLONG: "its name is too long for this file system",
}


class RecordFile(Protocol):
    """A record where it lies: a file, or a part of one."""

    @property
    def parent(self) -> PurePath:
        """The folder, called after the trial."""

    @property
    def stem(self) -> str:
        """The run."""

    def read_text(self, encoding: str) -> str:
        """What was written."""


class UnreadableError(Exception):
    """Why a file is not taken for a record."""


def read_record(path: Path) -> Record:
    """The record; raises StoreError for a file that is absent, damaged, changed, newer than this harness, or none."""
    try:
        raw = loaded(path)
        if not {"schema", "trial", "run"} <= raw.keys():
            raise UnreadableError("not a record: one lies under results/STUDY/TRIAL/, one file for each run")
        return believed(raw)
    except UnreadableError as error:
        raise StoreError(f"{path.name}: {error}") from None


def loaded(path: RecordFile) -> dict[str, Json]:
    """The file's JSON object; raises UnreadableError for anything else, and for a schema newer than this harness."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UnreadableError(in_words(error, "read")) from None
    except ValueError:
        raise UnreadableError(NOT_JSON) from None
    return parsed(text)


def parsed(text: str | bytes) -> dict[str, Json]:
    """The JSON object of a text; raises UnreadableError as `loaded` does."""
    try:
        raw = from_json(text, allow_inf_nan=False)  # in less than half the time of Python's own, which decides
    except ValueError:
        raw = _by_python(text)
    if not isinstance(raw, dict):
        raise UnreadableError("not a JSON object")
    number = raw.get("schema")
    if isinstance(number, int) and number > SCHEMA_NUMBER:
        raise UnreadableError(f"schema {number} is newer than {SCHEMA_NUMBER}, the newest known here; update harness")
    return raw


def believed(raw: dict[str, Json]) -> Record:
    """The record in a JSON object, brought to the newest schema.

    Raises UnreadableError where it was changed since it was written, or is none. The checksum is of what was written.
    """
    try:
        is_whole = raw.get("checksum") == sha256({key: value for key, value in raw.items() if key != "checksum"})
    except ValueError:  # half a character, or a number beyond all: JSON can spell them, and no record holds them
        is_whole = False
    if not is_whole:
        raise UnreadableError("its checksum does not fit its content: it was changed or cut short after it was written")
    try:
        record = Record.model_validate(upgraded(raw, OF_RECORDS))
    except ValidationError as error:
        raise UnreadableError("not a record: " + "; ".join(map(str, problems_of(error)[:SHOWN]))) from None
    except ValueError as error:  # a schema that is none; pydantic's own error is one too, and was met before
        raise UnreadableError(str(error)) from None
    _check_times(record.run)
    return record


def in_words(error: OSError, done: str) -> str:
    """Why a file cannot be `read` or `written`."""
    return KNOWN.get(error.errno or 0, f"cannot be {done}: {error.strerror or error}")


def why(error: OSError) -> str:
    """The reason alone."""
    return KNOWN.get(error.errno or 0, error.strerror or str(error))


def _check_times(run: Run) -> None:
    for name in ("started", "finished"):
        try:
            moment(getattr(run, name))
        except ValueError:
            raise UnreadableError(f"run.{name} is no ISO 8601 time") from None


def _by_python(text: str | bytes) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise UnreadableError(NOT_JSON) from None


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
