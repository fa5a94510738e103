"""Files that only this user may read or write: what is believed from there was put there by nobody else."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def is_private(place: Path) -> bool:
    """Whether a file or folder, and no link to one, is this user's own and closed to all others."""
    try:
        found = place.lstat()
    except OSError:
        return False
    return _is_own(found) and not found.st_mode & 0o077


def made_private(folder: Path) -> bool:
    """Makes a folder, or closes this user's own, and says whether it is private now; raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if _is_own(found) and found.st_mode & 0o077:
        folder.chmod(0o700)
    return is_private(folder)


def _is_own(found: os.stat_result) -> bool:
    return (stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode)) and found.st_uid == os.getuid()
