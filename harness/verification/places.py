"""What in a folder of others can hold records: links are not followed, and what is no plain file is not opened."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from harness.errors import StoreError
from harness.packs import PACK
from harness.record_file import in_words
from harness.record_lines import FILE, SUMS
from harness.sources import NOT_TRIALS
from harness.store import INDEX
from harness.wording import sized

Kind: TypeAlias = Literal["record", "plan", "lines", "pack", "sums", "refused"]
ARTIFACTS = "artifacts"  # hold no record wherever they lie, and no study is called so
OF_REPORTS = ("tables", "figures", "report")  # folders of an archive without records
DEEPEST = 6  # folders below the one that was asked for
MOST = {"record": 1 << 26, "plan": 1 << 30, "lines": 1 << 32, "pack": 1 << 34, "sums": 1 << 24}  # bytes
NAMED: dict[str, Kind] = {INDEX: "plan", FILE: "lines", PACK: "pack", SUMS: "sums"}


@dataclass(frozen=True)
class Found:
    """A file by its path from the folder on; one that is refused says why."""

    place: str
    path: Path
    kind: Kind
    why: str = ""


def found_in(folder: Path) -> Iterator[Found]:
    """Everything that holds records, or speaks of them, in order; raises StoreError where there is no such folder."""
    if not folder.exists():
        raise StoreError(f"{folder}: no such file or folder")
    if folder.is_dir():
        yield from _walked(folder, "", 0)
    else:
        yield _seen(folder, folder.name)


def _walked(folder: Path, prefix: str, depth: int) -> Iterator[Found]:
    try:
        with os.scandir(folder) as entries:
            held = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        yield Found(prefix or ".", folder, "refused", in_words(error, "read"))
        return
    passed_over = _without_records({entry.name for entry in held})
    for entry in held:
        place = f"{prefix}{entry.name}"
        if entry.name.startswith(".") or entry.name in passed_over:
            continue
        if entry.is_dir(follow_symlinks=False):
            if depth < DEEPEST:
                yield from _walked(Path(entry.path), f"{place}/", depth + 1)
            else:
                yield Found(place, Path(entry.path), "refused", f"lies deeper than {DEEPEST} folders, and was not read")
        elif entry.name in NAMED or entry.name.endswith(".json") or entry.is_dir():  # the last: a link to a folder
            yield _seen(Path(entry.path), place)


def _without_records(names: set[str]) -> set[str]:
    """What holds none in a folder with these names: elsewhere a study or a trial may be called so."""
    found = {ARTIFACTS}
    if {INDEX, PACK} & names:  # a study's
        found |= {*NOT_TRIALS}
    if SUMS in names:  # an archive
        found |= {*OF_REPORTS}
    return found


def _seen(path: Path, place: str) -> Found:
    kind = NAMED.get(path.name, "record")
    try:
        status = path.lstat()
    except OSError as error:
        return Found(place, path, "refused", in_words(error, "read"))
    if stat.S_ISLNK(status.st_mode):
        return Found(place, path, "refused", "is a link, and none is followed: it could lead anywhere on this machine")
    if not stat.S_ISREG(status.st_mode):
        return Found(place, path, "refused", "is no plain file")
    if status.st_size > MOST[kind]:
        return Found(place, path, "refused", f"is larger ({sized(status.st_size)}) than any such file")
    return Found(place, path, kind)
