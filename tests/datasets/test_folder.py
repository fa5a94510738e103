"""Image files: the layouts that are read, timm's transform, and the sentence for what is damaged."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from given_files import config, load, rows, whole, write_images
from PIL import Image

from harness.datasets.base import Data, datasets
from harness.errors import DataError, SpecError
from harness.tasks.base import Description


def loaded(home: Path, workers: int = 0, **options: Any) -> Data:
    return datasets.create({"name": "folder", "label": "mine", **options}).load({"mine": home}, config(3), workers)


def refusal(home: Path, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        loaded(home, **options)
    assert str(home) not in str(caught.value)
    return str(caught.value)


def parts(home: Path) -> Path:
    """Part folders train (20), val (8) and test (12)."""
    for seed, (part, items) in enumerate({"train": 20, "val": 8, "test": 12}.items()):
        write_images(home / part, items, seed)
    return home


def test_classes_alone_are_carved_into_four(tmp_path: Path) -> None:
    data = loaded(write_images(tmp_path, 40, 0))
    assert {name: len(part) for name, part in data.parts.items()} == {
        "train": 24,
        "calibration": 4,
        "validation": 4,
        "test": 8,
    }


def test_part_folders_are_used_and_missing_ones_carved_from_train(tmp_path: Path) -> None:
    data = loaded(parts(tmp_path))
    assert {name: len(part) for name, part in data.parts.items()} == {
        "train": 18,
        "calibration": 2,
        "validation": 8,
        "test": 12,
    }


def test_description_counts_class_folders(tmp_path: Path) -> None:
    home = write_images(tmp_path / "train", 9, 0, ("ape", "bee", "cow")).parent
    found = datasets.create({"name": "folder", "label": "mine"}).describe({"mine": home})
    assert found == Description("classification", 3, 3)


def test_a_given_part_is_in_the_order_of_class_and_file_name(tmp_path: Path) -> None:
    assert whole(loaded(parts(tmp_path)).parts["validation"]).targets.tolist() == [0] * 4 + [1] * 4


def test_inputs_are_those_of_timms_evaluation_transform(tmp_path: Path) -> None:
    from timm.data.transforms_factory import create_transform

    home = parts(tmp_path)
    wanted = config(3)
    transform = create_transform(
        wanted.size, interpolation="bicubic", mean=wanted.mean, std=wanted.std, crop_pct=0.9, crop_mode="center"
    )
    files = sorted((home / "test").glob("*/*.png"))
    expected = torch.stack([transform(Image.open(path)) for path in files])
    assert torch.equal(whole(loaded(home).parts["test"]).inputs, expected)


def test_fingerprint_hashes_decoded_rgb_size_and_class(tmp_path: Path) -> None:
    home = parts(tmp_path)
    expected = hashlib.sha256()
    for path in sorted((home / "test").glob("*/*.png")):
        expected.update(hashlib.sha256(b"10x12x3:" + np.asarray(Image.open(path)).tobytes()).digest())
        expected.update((0 if path.parent.name == "cat" else 1).to_bytes(8, "little"))
    assert loaded(home).info()["test"].sha256 == expected.hexdigest()


def test_another_lossless_format_has_the_same_fingerprint(tmp_path: Path) -> None:
    home = parts(tmp_path)
    before = loaded(home).info()
    for path in (home / "test").glob("*/*.png"):
        Image.open(path).save(path.with_suffix(".bmp"))
        path.unlink()
    assert loaded(home).info() == before


def test_loader_processes_change_nothing(tmp_path: Path) -> None:
    home = parts(tmp_path)
    alone, helped = loaded(home), loaded(home, workers=2)
    assert alone.info() == helped.info()
    for shuffle in (None, 3):
        first, other = whole(alone.parts["train"], 5, shuffle), whole(helped.parts["train"], 5, shuffle)
        assert torch.equal(first.inputs, other.inputs)
        assert torch.equal(first.targets, other.targets)


def test_statistics_of_the_data_are_those_of_the_train_pixels(tmp_path: Path) -> None:
    home = parts(tmp_path)
    write_images(home / "calibration", 4, 9)
    pixels = np.stack([np.asarray(Image.open(path)) for path in sorted((home / "train").glob("*/*.png"))]) / 255
    words = " ".join(f"{value:.6g}" for value in pixels.mean(axis=(0, 1, 2)))
    transform = loaded(home, normalize="data").info()["test"].transform
    assert transform.startswith(f"RGB, timm evaluation to 8x8 bicubic, crop center 0.9, uint8/255, mean {words} std ")


def test_palettes_grey_and_transparency_become_rgb(tmp_path: Path) -> None:
    home = parts(tmp_path)
    picture = Image.fromarray(np.arange(120, dtype=np.uint8).reshape(10, 12))
    picture.save(home / "test" / "cat" / "grey.png")
    picture.convert("P").save(home / "test" / "cat" / "palette.png", transparency=bytes(range(100)))
    picture.convert("RGBA").save(home / "test" / "cat" / "alpha.png")
    assert whole(loaded(home).parts["test"]).inputs.shape == (15, 3, 8, 8)


def test_other_files_and_hidden_folders_are_passed_over(tmp_path: Path) -> None:
    home = parts(tmp_path)
    (home / ".cache").mkdir()
    (home / "README.txt").write_text("words")
    (home / "test" / "cat" / "notes.txt").write_text("words")
    assert len(loaded(home).parts["test"]) == 12


def test_every_corrupt_image_is_named_relative_to_the_folder(tmp_path: Path) -> None:
    home = parts(tmp_path)
    cut = home / "test" / "cat" / "000.png"
    cut.write_bytes(cut.read_bytes()[:60])
    (home / "test" / "dog" / "001.png").write_bytes(b"no picture")
    found = refusal(home, splits={"test": "all"})
    first, second = found.splitlines()
    assert first.startswith("folder data 'mine': test/cat/000.png: cannot be decoded as an image (")
    assert second == "folder data 'mine': test/dog/001.png: cannot be decoded as an image (UnidentifiedImageError)"


def test_the_same_files_as_two_parts_are_refused(tmp_path: Path) -> None:
    home = parts(tmp_path)
    shutil.rmtree(home / "test")
    shutil.copytree(home / "train", home / "test")
    assert "parts of the data overlap: 20 of the 20 items of train stand in test too" in refusal(home)


def test_a_label_is_needed() -> None:
    with pytest.raises(SpecError, match=r"^data\.label: is required$"):
        datasets.create({"name": "folder"}, "data")


def test_augmentation_is_refused() -> None:
    with pytest.raises(SpecError, match="no such field"):
        datasets.create({"name": "folder", "label": "mine", "augment": True}, "data")


def test_a_folder_without_folders_says_what_would_be_right(tmp_path: Path) -> None:
    assert refusal(tmp_path) == (
        "folder data 'mine': its folder holds no folders; "
        "it holds train/CLASS/*.png, test/CLASS/*.png and the like, or CLASS/*.png alone"
    )


def test_parts_beside_other_folders_are_refused(tmp_path: Path) -> None:
    write_images(tmp_path, 8, 0, ("cat", "test"))
    assert refusal(tmp_path).startswith("folder data 'mine': its folder holds parts (test) beside others (cat); ")


def test_two_names_of_the_validation_part_are_refused(tmp_path: Path) -> None:
    write_images(parts(tmp_path) / "validation", 4, 7)
    assert refusal(tmp_path) == ("folder data 'mine': its folder holds both val and validation; they are the same part")


def test_a_class_that_train_lacks_is_refused(tmp_path: Path) -> None:
    write_images(parts(tmp_path) / "test", 2, 7, ("cow",))
    assert refusal(tmp_path) == "folder data 'mine': test: has classes that train lacks: cow"


def test_one_class_is_refused(tmp_path: Path) -> None:
    write_images(tmp_path, 8, 0, ("cat",))
    assert refusal(tmp_path).startswith("folder data 'mine': train has 1 class folders; at least two are needed; ")


def test_a_part_without_images_is_refused(tmp_path: Path) -> None:
    home = parts(tmp_path)
    shutil.rmtree(home / "val")
    (home / "val" / "cat").mkdir(parents=True)
    assert refusal(home) == "folder data 'mine': val: holds no images in class folders"


def test_a_grey_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the images have 3 channels, the network wants 1"):
        load("folder", {"mine": parts(tmp_path)}, config(1), label="mine")


def test_parts_taken_from_a_given_one_leave_it_disjoint(tmp_path: Path) -> None:
    data = loaded(parts(tmp_path), splits={"calibration": {"from": "test", "items": 6}})
    assert (len(data.parts["test"]), len(data.parts["calibration"])) == (6, 6)
    assert not rows(data.parts["test"]) & rows(data.parts["calibration"])
