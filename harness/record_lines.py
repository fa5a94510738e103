"""A plan and records as lines of one compressed file, read line by line within bounds: none fills the memory."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import ValidationError

from harness.record_file import UnreadableError, in_words, parsed
from harness.records import Record, StudyIndex
from harness.schema import Json
from harness.upgrades import OF_PLANS, upgraded
from harness.whole_file import write_whole

FILE = "records.jsonl.gz"
SUMS = "SHA256SUMS"  # beside it in an archive
MOST_LINE, MOST_BYTES = 1 << 26, 1 << 32  # of one record, and of all, unpacked


def write_lines(path: Path, plan: StudyIndex, records: Iterable[Record]) -> None:
    """Puts them into a file; the same plan and records give the same bytes. Raises OSError."""
    lines = [plan.model_dump(mode="json", by_alias=True), *(record.to_json() for record in records)]
    text = "".join(json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n" for line in lines)
    write_whole(path, gzip.compress(text.encode(), mtime=0))


def lines_of(path: Path) -> Iterator[dict[str, Json] | UnreadableError]:
    """Each line's JSON object, the plan's first, or why it is none; what cannot be read on ends with its reason."""
    try:
        with gzip.open(path) as stream:
            for line in _bounded(stream):
                yield _parsed(line)
    except (OSError, EOFError, zlib.error) as error:
        if isinstance(error, OSError) and error.errno is not None:
            yield UnreadableError(in_words(error, "read"))
        else:
            yield UnreadableError("is damaged, or no gzip file")
    except UnreadableError as error:
        yield error


def plan_in(raw: dict[str, Json]) -> StudyIndex:
    """The plan in the first line; raises UnreadableError where it is none."""
    try:
        return StudyIndex.model_validate(upgraded(raw, OF_PLANS))
    except (ValidationError, ValueError) as error:
        raise UnreadableError(f"its first line is no plan: {str(error).partition(chr(10))[0]}") from None


def _bounded(stream: gzip.GzipFile) -> Iterator[bytes]:
    total = 0
    while line := stream.readline(MOST_LINE + 1):
        total += len(line)
        if len(line) > MOST_LINE or total > MOST_BYTES:
            raise UnreadableError(f"unpacks to more than {MOST_LINE >> 20} MiB a line or {MOST_BYTES >> 30} GiB in all")
        yield line


def _parsed(line: bytes) -> dict[str, Json] | UnreadableError:
    try:
        return parsed(line)
    except UnreadableError as error:
        return error
