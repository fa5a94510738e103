"""Fingerprints against hashlib, spelled out."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from harness.datasets.fingerprints import check_overlap, item_digests, part_sha256
from harness.errors import DataError

IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4, 1)
TARGETS = np.array([1, 0], dtype=np.int64)


def test_fingerprint_is_sha256_over_items_and_targets_in_order() -> None:
    first = hashlib.sha256(b"3x4x1:" + bytes(range(12))).digest()
    second = hashlib.sha256(b"3x4x1:" + bytes(range(12, 24))).digest()
    expected = hashlib.sha256(first + bytes([1, *[0] * 7]) + second + bytes(8)).hexdigest()
    assert part_sha256(item_digests(IMAGES), TARGETS) == expected


def test_order_shape_and_targets_change_the_fingerprint() -> None:
    digests = item_digests(IMAGES)
    found = {
        part_sha256(digests, TARGETS),
        part_sha256(digests[::-1], TARGETS[::-1]),
        part_sha256(digests, TARGETS[::-1]),
        part_sha256(item_digests(IMAGES.reshape(2, 4, 3, 1)), TARGETS),
    }
    assert len(found) == 4


def test_strided_images_have_the_digests_of_their_copies() -> None:
    strided = np.repeat(IMAGES, 2, axis=0)[::2]
    assert item_digests(strided) == item_digests(IMAGES)


def test_more_than_half_of_the_smaller_part_in_another_is_refused() -> None:
    with pytest.raises(DataError) as caught:
        check_overlap({"train": [b"1", b"2", b"3", b"4", b"5"], "test": [b"1", b"2", b"9"]}, "npz data 'mine'")
    assert str(caught.value) == (
        "npz data 'mine': parts of the data overlap: 2 of the 3 items of test stand in train too; "
        "give each part its own items, or leave test out to have it carved"
    )


def test_a_few_natural_duplicates_are_no_fault() -> None:
    check_overlap({"train": [b"1", b"2", b"3"], "test": [b"1", b"8"], "validation": [b"1", b"7", b"6"]}, "data")
