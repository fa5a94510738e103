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
from typing import Any

from harness.briefs import Brief, StageBrief
from harness.whole_file import write_whole

NAME = ".records.jsonl"
REVISION = 1  # raised with `Brief`, and when a record is believed that was not, or the other way round


@dataclass(frozen=True, slots=True)
class Stamp:
    """What changes with a file: records are never rewritten in place, so a file with the same stamp is the same."""

    size: int
    mtime_ns: int
    inode: int


def stamp_of(status: os.stat_result) -> Stamp:
    """The stamp of a file."""
    return Stamp(status.st_size, status.st_mtime_ns, status.st_ino)


@dataclass(frozen=True, slots=True)
class Entry:
    """A record in brief, and the stamp of its file just before it was read."""

    stamp: Stamp
    brief: Brief


@dataclass
class Kept:
    """What a file holds: the last entry of each run, by trial and run, and how many lines say nothing any more."""

    entries: dict[tuple[str, str], Entry]
    idle_lines: int


def kept(folder: Path) -> Kept:
    """The entries of a study's folder; none where there is no such file or it cannot be read."""
    entries: dict[tuple[str, str], Entry] = {}
    lines: list[bytes] = []
    with suppress(OSError):
        lines = (folder / NAME).read_bytes().splitlines()
    shared: dict[Any, Any] = {}
    for line in lines:
        entry = _entry(line, shared)
        if entry is not None:
            entries[entry.brief.trial, entry.brief.run] = entry
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
    stages = {name: (stage.elapsed_s, stage.is_reused) for name, stage in entry.brief.stages.items()}
    plain = [getattr(entry.brief, name) for name in _FIELDS]
    stamp = entry.stamp
    text = json.dumps([REVISION, stamp.size, stamp.mtime_ns, stamp.inode, stages, *plain], separators=(",", ":"))
    return b"%08x %s\n" % (zlib.crc32(text.encode()), text.encode())


def _entry(line: bytes, shared: dict[Any, Any]) -> Entry | None:
    """The entry of a line; None for one that is damaged or of another revision. Equal values are one in memory."""
    checksum, _, text = line.partition(b" ")
    if checksum != b"%08x" % zlib.crc32(text):
        return None
    revision, *fields = json.loads(text)
    if revision != REVISION:
        return None
    size, mtime_ns, inode, stages, *plain = fields
    values = (tuple(value) if isinstance(value, list) else value for value in plain)
    found = {name: shared.setdefault(value, value) for name, value in zip(_FIELDS, values, strict=True)}
    found["stages"] = {name: StageBrief(*stage) for name, stage in stages.items()}
    return Entry(Stamp(size, mtime_ns, inode), Brief(**found))


_FIELDS = tuple(name for name in Brief.__dataclass_fields__ if name != "stages")
