"""A plan and records as lines of one compressed file, read line by line within bounds: none fills the memory."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

from pydantic import ValidationError

from harness.record_file import UnreadableError, in_words, parsed
from harness.records import Record, StudyIndex
from harness.schema import Json
from harness.upgrades import OF_PLANS, upgraded
from harness.whole_file import write_whole

FILE = "records.jsonl.gz"
SUMS = "SHA256SUMS"  # beside it in an archive
Line: TypeAlias = dict[str, Json] | UnreadableError
MOST_LINE, MOST_BYTES = 1 << 26, 1 << 32  # of one record, and of all, unpacked


def write_lines(path: Path, plan: StudyIndex, records: Iterable[Record]) -> None:
    """Puts them into a file; the same plan and records give the same bytes. Raises OSError."""
    lines = [plan.model_dump(mode="json", by_alias=True), *(record.to_json() for record in records)]
    text = "".join(json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n" for line in lines)
    write_whole(path, gzip.compress(text.encode(), mtime=0), is_synced=True)


def lines_of(path: Path) -> Iterator[Line]:
    """Each line's JSON object, the plan's first, or why it is none; what cannot be read on ends with its reason."""
    try:
        with gzip.open(path) as stream:
            for line in _bounded(stream):
                yield _parsed(line)
    except gzip.BadGzipFile:
        yield UnreadableError("no file of this kind")
    except (EOFError, zlib.error):
        yield UnreadableError("it is damaged or was cut short")
    except OSError as error:
        yield UnreadableError(in_words(error, "read"))
    except UnreadableError as error:
        yield error


def whole(line: Line) -> dict[str, Json]:
    """The JSON object of a line; raises the UnreadableError that it is instead."""
    if isinstance(line, UnreadableError):
        raise line
    return line


def plan_in(line: Line) -> StudyIndex:
    """The plan in the first line; raises UnreadableError where it is none."""
    try:
        return StudyIndex.model_validate(upgraded(whole(line), OF_PLANS))
    except ValidationError:
        raise UnreadableError("it does not begin with the plan of a study") from None
    except ValueError as error:  # a schema that is none
        raise UnreadableError(str(error)) from None


def _bounded(stream: gzip.GzipFile) -> Iterator[bytes]:
    total = 0
    while line := stream.readline(MOST_LINE + 1):
        total += len(line)
        if len(line) > MOST_LINE or total > MOST_BYTES:
            raise UnreadableError(f"unpacks to more than {MOST_LINE >> 20} MiB a line or {MOST_BYTES >> 30} GiB in all")
        yield line


def _parsed(line: bytes) -> Line:
    try:
        return parsed(line)
    except UnreadableError as error:
        return error
