"""Files that appear whole: whoever reads one sees all of it or what was there before."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

EVERYBODY = 0o666  # less what the user's umask takes away
OWNER = 0o600


def write_whole(path: Path, content: str | bytes, mode: int = EVERYBODY, is_synced: bool = False) -> None:
    """Puts a file in the place of `path`, whose folder is there; of two writers the last one wins.

    `is_synced`: it is on the disk before it appears. Raises OSError, and then leaves nothing behind.
    """
    draft = path.with_name(f".{secrets.token_hex(6)}.tmp")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
            if is_synced:
                stream.flush()
                os.fsync(stream.fileno())
        draft.replace(path)
    except BaseException:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise
