"""The many small files of a study's records into one, and back: for disks that count files."""

from __future__ import annotations

import hashlib
import os
import secrets
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from harness.errors import StoreError
from harness.leases import is_held, lease
from harness.packs import MEMBER, PACK, PackedRecord, packed
from harness.record_file import UnreadableError, in_words
from harness.sources import NOT_TRIALS
from harness.store import Store, trusted
from harness.whole_file import write_whole

EPOCH = (1980, 1, 1, 0, 0, 0)  # of every record in a pack: when it was packed says nothing


@dataclass(frozen=True)
class Moved:
    """How many records were moved, how many files and folders fewer there are, and which files stayed, with reasons."""

    records: int
    fewer: int
    left: tuple[str, ...] = ()


def pack(store: Store, study: str) -> Moved:
    """Moves the trusted records of a study into its pack. The study may run meanwhile: what comes stays a file.

    A file is taken away only once the pack was read back and holds it. Raises StoreError.
    """
    folder = store.folder(study)
    with _alone(store, study):
        files, left = _trusted(folder)
        if not files:
            return Moved(0, 0, left)
        was_there = (folder / PACK).exists()
        held = _written(folder, files)
        fewer = sum(_taken_away(path, held[name], store.root / ".leases") for name, path in files.items())
    return Moved(len(files), fewer - (not was_there), left)


def unpack(store: Store, study: str) -> Moved:
    """Puts every record of the pack back into a file of its own, and takes the pack away. Raises StoreError."""
    folder = store.folder(study)
    count = 0
    with _alone(store, study):
        for source in packed(folder):
            _put_back(folder / source.info.filename, source.read_bytes())
            count += 1
        # Only now, when every record of it is on the disk.
        (folder / PACK).unlink(missing_ok=True)
    return Moved(count, -count)


@contextmanager
def _alone(store: Store, study: str) -> Iterator[None]:
    """One process at a time; what goes wrong is told with the place."""
    with lease(store.root / ".leases" / f"pack-{study}.lease"):
        try:
            yield
        except UnreadableError as error:
            message = f"{error}; its records stay set aside, and the files as they are. Move it away to pack anew"
            raise StoreError(f"{study}/{PACK}: {message}") from None
        except OSError as error:
            raise StoreError(f"{study}: {in_words(error, 'written')}") from None


def _trusted(folder: Path) -> tuple[dict[str, Path], tuple[str, ...]]:
    """Records that are files, by their names in a pack, and what is wrong with the others."""
    files: dict[str, Path] = {}
    left: list[str] = []
    for path in sorted(folder.glob("*/*.json")):
        name = f"{path.parent.name}/{path.name}"
        if path.parent.name in NOT_TRIALS or not MEMBER.fullmatch(name):
            continue
        try:
            trusted(path, folder.name)
            files[name] = path
        except UnreadableError as error:
            left.append(f"{name}: {error}")
    return files, tuple(left)


def _written(folder: Path, files: Mapping[str, Path]) -> dict[str, str]:
    """A new pack in place of the old one, with these files and what that held; gives SHA-256 by name."""
    for left in folder.glob(".pack-*.tmp"):  # by a process that was killed
        left.unlink(missing_ok=True)
    draft = folder / f".pack-{secrets.token_hex(6)}.tmp"
    try:
        with draft.open("wb") as stream:
            with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as new:
                digests = {name: _added(new, name, content) for name, content in _contents(folder, files)}
            stream.flush()
            os.fsync(stream.fileno())
        with zipfile.ZipFile(draft) as new:
            held = {info.filename: _sha256(PackedRecord(new, info).read_bytes()) for info in new.infolist()}
        if held != digests:
            raise StoreError(f"{folder.name}/{PACK}: does not read back as it was written; nothing was changed")
        draft.replace(folder / PACK)
    finally:
        draft.unlink(missing_ok=True)
    return held


def _contents(folder: Path, files: Mapping[str, Path]) -> Iterator[tuple[str, bytes]]:
    yield from ((old.info.filename, old.read_bytes()) for old in packed(folder) if old.info.filename not in files)
    yield from ((name, path.read_bytes()) for name, path in files.items())


def _added(pack: zipfile.ZipFile, name: str, content: bytes) -> str:
    info = zipfile.ZipInfo(name, EPOCH)
    info.external_attr = 0o644 << 16  # for whoever unpacks it by hand
    pack.writestr(info, content)
    return _sha256(content)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _taken_away(path: Path, sha256: str, leases: Path) -> int:
    """Files and folders that are gone: a record that is packed, and the folder of a trial that nobody runs."""
    if _sha256(path.read_bytes()) != sha256:
        return 0
    path.unlink()
    if is_held(leases / f"trial-{path.parent.name}.lease"):
        return 1
    with suppress(OSError):  # not empty
        path.parent.rmdir()
        return 2
    return 1


def _put_back(path: Path, content: bytes) -> None:
    """Raises StoreError where another file stands there: which of the two is right, only its owner can say."""
    if path.exists():
        if path.read_bytes() != content:
            name = f"{path.parent.name}/{path.name}"
            raise StoreError(f"{name}: is another one than in the pack, which stays; move the file away to undo it")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content, is_synced=True)
