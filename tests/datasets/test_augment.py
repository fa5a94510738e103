"""Random changes of training images: what they may do, and that a seed and the image's number decide."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from timm.data.auto_augment import rand_augment_transform

from harness.datasets.arrays import ArrayPart
from harness.datasets.augment import RAND, RandAugmented, mended, shifted_and_mirrored
from harness.datasets.base import Part
from harness.datasets.fingerprints import item_digests
from harness.datasets.folder import Folder
from harness.datasets.pixels import Pixels
from harness.datasets.pools import Pool
from harness.errors import DataError
from harness.tasks.base import Batch
from harness.tasks.images import ImageInput


def images(channels: int, count: int = 12) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 256, (count, 8, 8, channels), dtype=np.uint8)


def part_of(channels: int) -> ArrayPart:
    given = Pool(images(channels), np.arange(12, dtype=np.int64) % 3)
    return ArrayPart(given, item_digests(given.images), Pixels((channels, 8, 8), (0.5,) * channels, (0.25,) * channels))


def epoch(part: Part, augment: str, shuffle: int = 3, size: int = 5) -> Batch:
    batches = list(part.augmented(size, shuffle, augment))
    return Batch(torch.cat([b.inputs for b in batches]), torch.cat([b.targets for b in batches]))


def test_a_shifted_image_is_a_window_of_itself_with_zeros_around() -> None:
    plain = torch.rand(64, 1, 16, 16) + 1
    found = shifted_and_mirrored(plain, np.random.default_rng(0))
    places, mirrored = set(), 0
    for image, other in zip(plain, found, strict=True):
        padded = torch.nn.functional.pad(image, (2, 2, 2, 2))
        fits = [
            (top, left, is_mirrored)
            for top in range(5)
            for left in range(5)
            for is_mirrored in (False, True)
            if torch.equal(other.flip(2) if is_mirrored else other, padded[:, top : top + 16, left : left + 16])
        ]
        assert len(fits) == 1
        places.add(fits[0][:2])
        mirrored += fits[0][2]
    assert len(places) > 12
    assert 16 < mirrored < 48


@pytest.mark.parametrize("augment", ["shift_flip", "rand"])
@pytest.mark.parametrize("channels", [1, 3])
def test_an_epoch_has_every_item_once_in_the_order_of_its_seed(channels: int, augment: str) -> None:
    part = part_of(channels)
    plain = torch.cat([batch.targets for batch in part.batches(5, shuffle=3)])
    found = epoch(part, augment)
    assert torch.equal(found.targets, plain)
    assert found.inputs.shape == (12, channels, 8, 8)
    assert not torch.equal(found.inputs, torch.cat([batch.inputs for batch in part.batches(5, shuffle=3)]))


@pytest.mark.parametrize("augment", ["shift_flip", "rand"])
def test_a_seed_decides_how_images_change(augment: str) -> None:
    part = part_of(1)
    torch.manual_seed(0)
    first = epoch(part, augment)
    torch.manual_seed(1)
    assert torch.equal(first.inputs, epoch(part, augment).inputs)
    by_target = [float(epoch(part, augment, shuffle).inputs.sum()) for shuffle in (3, 4)]
    assert by_target[0] != by_target[1]


def test_a_random_change_is_the_same_in_whatever_batch_an_image_comes() -> None:
    part = part_of(3)
    assert torch.equal(epoch(part, "rand", size=5).inputs, epoch(part, "rand", size=12).inputs)


def test_random_changes_are_for_one_or_three_channels() -> None:
    with pytest.raises(DataError, match="for images of 1 or 3 channels, and these have 2"):
        RandAugmented((0.5, 0.5))(images(2), range(12), 0)


def test_what_comes_in_from_outside_is_the_mean() -> None:
    # A constant image at the mean shows no edge where it is shifted, rotated or sheared; one far from it does.
    flat = np.full((100, 8, 8, 1), 128, dtype=np.uint8)
    at_mean, far = (RandAugmented((mean,))(flat, range(100), 0) for mean in (128 / 255, 0.0))
    smooth, edged = (sum(len(np.unique(image)) == 1 for image in found) for found in (at_mean, far))
    assert smooth > edged + 10


@pytest.mark.parametrize("channels", [1, 3])
def test_every_change_can_be_made_to_any_image_at_any_strength(channels: int) -> None:
    # Rare strengths come up among many: a posterisation to no bits is one in some hundreds.
    many = np.tile(images(channels), (60, 1, 1, 1))
    found = RandAugmented((0.5,) * channels)(many, range(len(many)), 0)
    assert found.shape == many.shape
    for change in mended(rand_augment_transform(RAND, {"img_mean": 128 if channels == 1 else (128,) * 3})).ops:
        change.prob, change.magnitude_std = 1.0, 0
        for strength in range(11):
            change.magnitude = strength
            changed = change(Image.fromarray(many[0, ..., 0] if channels == 1 else many[0]))
            assert changed.size == (8, 8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    for part in ("train", "val", "test", "calibration"):
        for name in ("a", "b"):
            home = tmp_path / part / name
            home.mkdir(parents=True)
            for index in range(3):
                Image.fromarray(random.integers(0, 256, (20, 24, 3), dtype=np.uint8)).save(home / f"{index}.png")
    return tmp_path


def files_part(folder: Path, workers: int) -> Part:
    config = ImageInput((3, 16, 16), (0.5, 0.5, 0.5), (0.25, 0.25, 0.25), "bicubic", 0.875, "center")
    return Folder(label="mine").load({"mine": folder}, config, workers).parts["train"]


@pytest.mark.parametrize("augment", ["shift_flip", "rand"])
def test_files_change_alike_with_and_without_loader_processes(folder: Path, augment: str) -> None:
    alone, shared = (epoch(files_part(folder, workers), augment, size=2) for workers in (0, 2))
    assert alone.inputs.shape == (6, 3, 16, 16)
    assert torch.equal(alone.inputs, shared.inputs)
    assert torch.equal(alone.targets, shared.targets)
    other = epoch(files_part(folder, 0), augment, shuffle=4, size=2)
    assert not torch.equal(alone.inputs.sort(dim=0).values, other.inputs.sort(dim=0).values)


def test_augmenting_files_leaves_the_global_random_state(folder: Path) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    epoch(files_part(folder, 0), "rand")
    assert torch.equal(torch.get_rng_state(), before)
