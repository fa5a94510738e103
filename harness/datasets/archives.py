"""Arrays x and y in .npz files, without pickles: their shapes alone, or their values."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from harness.datasets.places import fault
from harness.datasets.pools import Pool, Shape, check_shapes, pool
from harness.errors import DataError

DAMAGED = (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error)


def npz_shapes(path: Path, where: str) -> dict[str, Shape]:
    """Shape and type of every array of the file, from the headers; x and y are checked. Raises DataError."""
    try:
        with zipfile.ZipFile(path) as archive:
            found = {name.removesuffix(".npy"): _header(archive, name) for name in archive.namelist()}
    except DAMAGED as error:
        raise _unreadable(where, error) from None
    for name in ("x", "y"):
        if name not in found:
            raise DataError(fault(where, f"has no array {name!r}; known: {', '.join(sorted(found)) or 'none'}"))
    check_shapes(found["x"], found["y"], where)
    return found


def npz_targets(path: Path, where: str) -> NDArray[np.int64]:
    """The labels y alone."""
    return _array(path, "y", where).astype(np.int64)


def npz_pool(path: Path, where: str) -> Pool:
    """Images x and labels y, checked; raises DataError."""
    npz_shapes(path, where)
    return pool(_array(path, "x", where), _array(path, "y", where), where)


def _header(archive: zipfile.ZipFile, name: str) -> Shape:
    with archive.open(name) as file:
        read = npy.read_array_header_1_0 if npy.read_magic(file) == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(file)
    return Shape(shape, dtype)


def _array(path: Path, name: str, where: str) -> NDArray[Any]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            found: NDArray[Any] = archive[name]
    except DAMAGED as error:
        raise _unreadable(where, error) from None
    return found


def _unreadable(where: str, error: BaseException) -> DataError:
    # The kind only: the words of the system's errors hold paths of this machine.
    return DataError(fault(where, f"cannot be read as .npz without pickles ({type(error).__name__})"))
