"""Which trials on disk are as they were: told by the times of their folders and files, without listing the folders."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from harness.index_file import stamp_of
from harness.sources import SUFFIX, Source

YOUNG_NS = 600 * 10**9  # a folder can change twice within a tick of its disk's clock, which need not be this machine's
UNKNOWN = -1  # a time that no folder has


class Lying(NamedTuple):
    """What lies on disk of a trial: a text of all its records, and the time of the folder that holds no others."""

    key: str
    since: int


def lying(since: int, found: Sequence[Source]) -> Lying:
    """Of the records of a trial whose folder had the time `since` before they were listed.

    The time is UNKNOWN where it does not vouch for the list: the folder changed a moment ago, or is older than its
    newest file, as on a file system that keeps no times of folders.
    """
    newest = max(source.stamp.mtime_ns for source in found)
    is_sure = newest <= since <= time.time_ns() - YOUNG_NS
    return Lying(key_of(found), since if is_sure else UNKNOWN)


def key_of(found: Sequence[Source]) -> str:
    """What lies on disk of a trial, as a text that changes when any of its records does."""
    return "\n".join(sorted(_line(s.names[1], *s.stamp) for s in found))


def time_of(folder: str) -> int:
    """When the last file came to a folder or went, UNKNOWN where that cannot be told."""
    try:
        return _looked_at(folder).st_mtime_ns
    except OSError:
        return UNKNOWN


def is_as_it_was(folder: str, known: Mapping[str, Lying], trial: str) -> bool:
    """Whether nothing came, went or changed in the folder of a trial."""
    before = known.get(trial)
    if before is None or before.since == UNKNOWN or time_of(folder) != before.since:
        return False
    try:
        for line in before.key.split("\n"):
            run = line.rsplit(" ", 3)[0]
            if _line(run, *stamp_of(_looked_at(f"{folder}/{run}{SUFFIX}"))) != line:
                return False
    except OSError:
        return False
    return True


def _looked_at(place: str) -> os.stat_result:
    return os.stat(place)  # noqa: PTH116  # making a Path takes longer than the look, a hundred thousand times


def _line(run: str, size: int, mtime_ns: int, inode: int) -> str:
    return f"{run} {size} {mtime_ns} {inode}"
