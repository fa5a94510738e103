"""Which code of this package is here: what was planned with one version must not be run with another."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

import harness

DIGITS = 16


@functools.cache
def code_digest(room: str = "") -> str:
    """The first hex digits of the SHA-256 over the package's Python files, names and contents, read once.

    Of all of them, or of those in one `room`, a folder of the package.
    """
    root = Path(harness.__file__).resolve().parent
    found = hashlib.sha256()
    for path in sorted((root / room).rglob("*.py")):
        for part in (path.relative_to(root).as_posix().encode(), path.read_bytes()):
            found.update(len(part).to_bytes(8, "big"))
            found.update(part)
    return found.hexdigest()[:DIGITS]
