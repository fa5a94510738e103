"""An archive as one file, zip or tar.gz: one folder gives the same bytes, which say nothing of who packed it where."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import zipfile
from pathlib import Path
from typing import Literal, TypeAlias

from harness.errors import StoreError
from harness.record_file import in_words
from harness.whole_file import write_whole

Form: TypeAlias = Literal["zip", "tar.gz"]
EARLIEST = (1980, 1, 1, 0, 0, 0)  # of a zip; a tar has the epoch
READABLE = 0o644


def free_place(folder: Path, form: Form) -> Path:
    """Where a folder is packed to; raises StoreError where something is there already."""
    target = folder.absolute().parent / f"{folder.name}.{form}"
    if os.path.lexists(target):
        raise StoreError(f"{target.name}: is there already")
    return target


def pack_up(folder: Path, form: Form) -> Path:
    """Puts the files of a folder into `<folder>.zip` or `<folder>.tar.gz` beside it, below the folder's name."""
    target = free_place(folder, form)
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    held = {f"{folder.name}/{name}": folder / name for name in names}
    try:
        write_whole(target, _zipped(held) if form == "zip" else _tarred(held))
    except OSError as error:
        raise StoreError(f"{target.name}: {in_words(error, 'written')}") from None
    return target


def _zipped(held: dict[str, Path]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as pack:
        for name, path in held.items():
            info = zipfile.ZipInfo(name, EARLIEST)
            info.external_attr = READABLE << 16
            info.create_system = 3  # read as modes of Unix wherever it was packed
            pack.writestr(info, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def _tarred(held: dict[str, Path]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as pack:
        for name, path in held.items():
            content = path.read_bytes()
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), READABLE
            pack.addfile(info, io.BytesIO(content))
    return gzip.compress(stream.getvalue(), mtime=0)
