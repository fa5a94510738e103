"""Carved parts: disjoint, stratified, always the same."""

from __future__ import annotations

import numpy as np
import pytest

from harness.datasets.carving import carve, stratified
from harness.datasets.splits import Take

LABELS = np.repeat(np.arange(4), [400, 300, 200, 100])
FOUR = {
    "train": Take("train", 600),
    "calibration": Take("train", 100),
    "validation": Take("train", 100),
    "test": Take("train", 200),
}


def test_parts_of_one_source_are_disjoint_and_cover_it() -> None:
    parts = carve({"train": LABELS}, FOUR)
    assert sorted(np.concatenate([part.indices for part in parts.values()])) == list(range(1000))


@pytest.mark.parametrize("part", FOUR)
def test_every_part_has_the_class_shares_of_its_source(part: str) -> None:
    indices = carve({"train": LABELS}, FOUR)[part].indices
    expected = np.array([0.4, 0.3, 0.2, 0.1]) * len(indices)
    assert np.abs(np.bincount(LABELS[indices]) - expected).max() <= 1


def test_every_prefix_of_balanced_classes_is_balanced() -> None:
    labels = np.repeat(np.arange(5), 20)
    ordered = labels[stratified(labels)].reshape(20, 5)
    assert all(sorted(row) == [0, 1, 2, 3, 4] for row in ordered)


def test_order_of_the_mapping_does_not_matter() -> None:
    forward, backward = carve({"train": LABELS}, FOUR), carve({"train": LABELS}, dict(reversed(FOUR.items())))
    assert all(np.array_equal(forward[part].indices, backward[part].indices) for part in FOUR)


def test_a_shorter_train_part_moves_no_other() -> None:
    shorter = carve({"train": LABELS}, {**FOUR, "train": Take("train", 50)})
    longer = carve({"train": LABELS}, FOUR)
    assert all(np.array_equal(shorter[p].indices, longer[p].indices) for p in ("calibration", "validation", "test"))


def test_a_whole_given_part_keeps_its_order() -> None:
    assert np.array_equal(carve({"test": LABELS}, {"test": Take("test", 1000)})["test"].indices, np.arange(1000))


def test_order_is_random_within_a_class() -> None:
    order = stratified(np.zeros(50, dtype=np.int64))
    assert sorted(order) == list(range(50))
    assert not np.array_equal(order, np.arange(50))


def test_the_permutation_never_changes() -> None:
    assert stratified(np.arange(12) % 3).tolist() == [5, 0, 1, 9, 7, 11, 3, 10, 2, 4, 6, 8]
