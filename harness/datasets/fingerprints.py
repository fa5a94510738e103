"""What the content of a part is, as hashes of decoded items; and whether two given parts are the same content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from harness.datasets.places import fault
from harness.errors import DataError


def item_digests(images: NDArray[np.uint8]) -> list[bytes]:
    """SHA-256 of each decoded item: its shape (height x width x channels), then its bytes; images are (n, h, w, c)."""
    header = hashlib.sha256(f"{'x'.join(map(str, images.shape[1:]))}:".encode())
    found = []
    for image in np.ascontiguousarray(images):
        digest = header.copy()
        digest.update(image.data)
        found.append(digest.digest())
    return found


def part_sha256(digests: Sequence[bytes], targets: NDArray[np.int64]) -> str:
    """SHA-256 over the items in order, each as its digest and its target (8 bytes, little-endian)."""
    found = hashlib.sha256()
    for digest, target in zip(digests, targets.astype("<i8"), strict=True):
        found.update(digest)
        found.update(target.tobytes())
    return found.hexdigest()


def check_overlap(digests: Mapping[str, Sequence[bytes]], where: str) -> None:
    """Raises DataError where more than half of a given part's items stand in another one too.

    A few natural duplicates are no fault; the same file given twice is.
    """
    for first, second in combinations(digests, 2):
        small, large = sorted((first, second), key=lambda name: len(digests[name]))
        held = set(digests[large])
        shared = sum(digest in held for digest in digests[small])
        if 2 * shared > len(digests[small]):
            message = (
                f"parts of the data overlap: {shared:,} of the {len(digests[small]):,} items of {small} "
                f"stand in {large} too; give each part its own items, or leave {small} out to have it carved"
            )
            raise DataError(fault(where, message))
