"""The checksums of an archive: every file that is listed is there, unchanged, and inside; none is there unlisted."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from harness.record_file import in_words
from harness.record_lines import SUMS
from harness.schema import file_digest
from harness.verification.verdict import Checked

LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")


def of_sums(path: Path, place: str) -> Iterator[Checked]:
    """One verdict for the list itself, and one for each file that is not as it says."""
    own = Checked(place, "file")
    prefix = place.removesuffix(SUMS)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        own.is_readable = False
        own.findings.append("cannot be read as text")
        yield own
        return
    listed: set[str] = set()
    for line in lines:
        matched = LINE.fullmatch(line)
        if matched is None:
            own.findings.append(f"holds a line that is no checksum: {line[:60]!r}")
            continue
        listed.add(matched[2])
        reason = _unlike(path.parent, matched[2], matched[1])
        if reason:
            yield Checked(f"{prefix}{matched[2]}", "file", findings=[reason])
    own.findings += [f"does not list {name}" for name in sorted(_held(path.parent) - listed - {SUMS})[:20]]
    yield own


def _unlike(folder: Path, name: str, known: str) -> str | None:
    """Why a file is not what the list says; None where it is."""
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\\" in name:
        return "is listed by a name that leads out of the folder; it was not opened"
    path = folder.joinpath(*parts)
    try:
        if any(place.is_symlink() for place in (path, *path.parents[: len(parts) - 1])):
            return "is a link, or lies behind one; it was not opened"
        if not path.is_file():
            return "is listed, and is not there"
        found = file_digest(path)
    except OSError as error:
        return in_words(error, "read")
    return None if found == known else "was changed: its SHA-256 is not the one that is listed"


def _held(folder: Path) -> set[str]:
    found: set[str] = set()
    for base, _, names in os.walk(folder, followlinks=False):
        relative = Path(base).relative_to(folder)
        found |= {(relative / name).as_posix() for name in names}
    return found
