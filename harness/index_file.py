"""Records in brief beside a study's records, so that files that have not changed need not be read again.

The file may be deleted at any time and is believed line by line: what is damaged, cut short or lost in a race of two
writers is not there, and its record is read anew.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from harness.briefs import Brief, StageBrief
from harness.whole_file import write_whole

NAME = ".records.jsonl"
REVISION = 3  # raised with `Brief`, and when a record is believed that was not, or the other way round


class Stamp(NamedTuple):
    """What changes with a file: records are never rewritten in place, so a file with the same stamp is the same."""

    size: int
    mtime_ns: int
    inode: int


def stamp_of(status: os.stat_result) -> Stamp:
    """The stamp of a file."""
    return Stamp(status.st_size, status.st_mtime_ns, status.st_ino)


class Entry(NamedTuple):
    """A record in brief, and the stamp of its file just before it was read."""

    stamp: Stamp
    brief: Brief


@dataclass
class Kept:
    """What a file holds: the last entry of each run, by trial and run, and how many lines say nothing any more."""

    entries: dict[tuple[str, str], Entry]
    idle_lines: int


def kept(folder: Path) -> Kept:
    """The entries of a study's folder; none where there is no such file, or one that something else wrote."""
    lines: list[bytes] = []
    entries: dict[tuple[str, str], Entry] = {}
    shared: dict[tuple[str, ...], tuple[str, ...]] = {}
    with suppress(OSError, ValueError, TypeError, AttributeError, IndexError):
        lines = (folder / NAME).read_bytes().splitlines()
        found = [_entry(fields, shared) for fields in _parsed(lines)]
        entries = {(entry.brief.trial, entry.brief.run): entry for entry in found}
    return Kept(entries, len(lines) - len(entries))


def add(folder: Path, entries: Iterable[Entry]) -> None:
    """Adds entries by one write; where it cannot be written nothing is kept, and nothing else suffers."""
    text = b"".join(map(_line, entries))
    with suppress(OSError):
        descriptor = os.open(folder / NAME, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, text)
        finally:
            os.close(descriptor)


def replace(folder: Path, entries: Iterable[Entry]) -> None:
    """Puts entries in place of the whole file; what another writer adds meanwhile is lost, and read anew."""
    with suppress(OSError):
        write_whole(folder / NAME, b"".join(map(_line, entries)))


def _line(entry: Entry) -> bytes:
    text = json.dumps([REVISION, *entry.stamp, *entry.brief], separators=(",", ":")).encode()
    return b"%s %s\n" % (_checksum(text), text)


def _parsed(lines: Iterable[bytes]) -> list[list[Any]]:
    """The fields of every line that is whole and of this revision."""
    whole = [text for checksum, _, text in (line.partition(b" ") for line in lines) if checksum == _checksum(text)]
    opening = b"[%d," % REVISION
    # A hundred thousand lines in one call take a third of the time of as many calls.
    found: list[list[Any]] = json.loads(b"[%s]" % b",".join(text for text in whole if text.startswith(opening)))
    return found


def _checksum(text: bytes) -> bytes:
    return b"%08x" % zlib.crc32(text)


def _entry(fields: list[Any], shared: dict[tuple[str, ...], tuple[str, ...]]) -> Entry:
    """The entry of a line; equal lists of questions are one in memory."""
    _, size, mtime_ns, inode, *plain = fields
    for place in _QUESTIONS:
        questions = tuple(plain[place])
        plain[place] = shared.setdefault(questions, questions)
    plain[_STAGES] = {name: StageBrief(*stage) for name, stage in plain[_STAGES].items()}
    return Entry(Stamp(size, mtime_ns, inode), Brief(*plain))


_QUESTIONS = (Brief._fields.index("answered"), Brief._fields.index("unanswered"))
_STAGES = Brief._fields.index("stages")
