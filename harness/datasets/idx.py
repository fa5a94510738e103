"""Files in the idx format of MNIST, gzipped or not: magic number, big-endian sizes, bytes.

Format: http://yann.lecun.com/exdb/mnist/ (0x0803: images, 0x0801: labels).
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.datasets.places import fault
from harness.datasets.pools import Shape
from harness.errors import DataError


def idx_shape(path: Path, where: str) -> Shape:
    """Sizes from the header alone; raises DataError."""
    head = _bytes(path, 16, where)
    if len(head) < 4 or head[:3] != b"\0\0\x08" or len(head) < 4 + 4 * head[3]:
        raise DataError(fault(where, "is no idx file of bytes"))
    sizes = tuple(int.from_bytes(head[at : at + 4], "big") for at in range(4, 4 + 4 * head[3], 4))
    return Shape(sizes, np.dtype(np.uint8))


def idx_array(path: Path, where: str) -> NDArray[np.uint8]:
    """The whole array; raises DataError where the file is shorter or longer than its header says."""
    shape = idx_shape(path, where).shape
    start, size = 4 + 4 * len(shape), math.prod(shape)
    content = _bytes(path, start + size + 1, where)
    if len(content) != start + size:
        raise DataError(fault(where, f"must hold {size:,} values, as its header says; it is cut or too long"))
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)


def _bytes(path: Path, most: int, where: str) -> bytes:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            return file.read(most)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(fault(where, f"cannot be read ({type(error).__name__})")) from None
