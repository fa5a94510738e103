"""A thing is made once, however many want it: leases as files, with a heartbeat and a stated take-over."""

from __future__ import annotations

import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from harness.errors import StoreError
from harness.process_mark import is_gone, mark
from harness.record_file import why

BEAT_S = 5.0
STALE_S = 60.0
POLL_S = 0.1


@contextmanager
def lease(path: Path, is_made: Callable[[], bool] = lambda: False) -> Iterator[bool]:
    """Holds the lease of `path`; gives False, and holds nothing, as soon as `is_made` says so.

    A lease is a file that only one process can create. Its owner touches it every few seconds; one that is not
    touched for a minute, or whose owner on this machine is dead, is taken over. Two owners for a moment are harmless:
    what is made is renamed into place, and the first rename wins.
    """
    token = secrets.token_hex(8)
    while not _created(path, token):
        if is_made():
            yield False
            return
        owner = _owner(path)
        if _is_abandoned(path, owner):
            _take_away(path, token, owner)
        else:
            time.sleep(POLL_S)
    if is_made():
        _release(path, token)
        yield False
        return
    stop = threading.Event()
    beat = threading.Thread(target=_beat, args=(path, stop), daemon=True)
    beat.start()
    try:
        yield True
    finally:
        stop.set()
        beat.join()
        _release(path, token)


def is_held(path: Path) -> bool:
    """Whether somebody holds the lease of `path` at this moment, as far as can be told."""
    return path.exists() and not _is_abandoned(path, _owner(path))


def held_in(folder: Path) -> list[str]:
    """Names of the leases of a folder that somebody holds."""
    return [path.stem for path in sorted(folder.glob("*.lease")) if is_held(path)]


def _created(path: Path, token: str) -> bool:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return False
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        with os.fdopen(descriptor, "w") as stream:
            json.dump({"token": token, **mark()}, stream)
    except OSError as error:  # a full disk: nobody would know whose it is
        path.unlink(missing_ok=True)
        raise _unwritable(path, error) from None
    return True


def _unwritable(path: Path, error: OSError) -> StoreError:
    return StoreError(f"the lease {path.name} cannot be written: {why(error)}")


def _owner(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _is_abandoned(path: Path, owner: dict[str, Any] | None) -> bool:
    try:
        silent_s = time.time() - path.stat().st_mtime
    except OSError:
        return False
    return silent_s > STALE_S or (owner is not None and is_gone(owner))


def _take_away(path: Path, token: str, judged: dict[str, Any] | None) -> None:
    """Removes the lease of the owner that was judged, and of no other.

    Of two that judge the same one, the first may hold a new lease already: what was renamed is then given back.
    """
    grave = path.with_name(f"{path.name}.{token}")
    try:
        path.rename(grave)
    except FileNotFoundError:
        return
    if _owner(grave) != judged:
        with suppress(OSError):
            os.link(grave, path)
    grave.unlink(missing_ok=True)


def _release(path: Path, token: str) -> None:
    owner = _owner(path)
    if owner is not None and owner.get("token") == token:
        path.unlink(missing_ok=True)


def _beat(path: Path, stop: threading.Event) -> None:
    while not stop.wait(BEAT_S):
        try:
            os.utime(path)
        except OSError:
            return
