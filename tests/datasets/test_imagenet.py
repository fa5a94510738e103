"""ImageNet on disk: layouts, official parts, order, laziness, and the sentence for what is wrong."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from given_files import rows, whole
from imagenet_files import (
    CHOSEN,
    official_files,
    tar_bytes,
    write,
    write_class_folders_tar,
    write_class_tars,
    write_folder,
    write_shards,
    write_tar_of_tars,
)
from PIL import Image

from harness.datasets.base import PARTS, Data, datasets
from harness.datasets.reader_parts import ReaderPart
from harness.datasets.synsets import synsets
from harness.errors import DataError, HarnessError, MissingExtraError, SpecError
from harness.schema import Options
from harness.tasks.base import Description
from harness.tasks.images import ImageInput

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SPLITS: Options = {"calibration": 5, "validation": 6}
LAYOUTS: dict[str, tuple[str, Callable[[Path, dict[str, bytes]], Path]]] = {
    "folder": ("folder", write_folder),
    "class folders in a tar": ("tar", write_class_folders_tar),
    "class tars in a tar": ("tar", write_tar_of_tars),
    "class tars in folders": ("tar", write_class_tars),
    "shards": ("wds", write_shards),
}


def config(size: int = 32, crop_mode: str = "center", crop_pct: float = 0.9) -> ImageInput:
    return ImageInput((3, size, size), MEAN, STD, "bicubic", crop_pct, crop_mode)


def loaded(home: Path, workers: int = 0, fed: ImageInput | None = None, **options: Any) -> Data:
    made = datasets.create({"name": "imagenet", "splits": SPLITS, **options})
    return made.load({"imagenet": home}, fed or config(), workers)


def refusal(home: Path, **options: Any) -> str:
    with pytest.raises(HarnessError) as caught:
        datasets.create({"name": "imagenet", **options}).load({"imagenet": home}, config())
    assert str(home) not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "imagenet", official_files())


@pytest.mark.parametrize("layout", list(LAYOUTS)[1:])
def test_the_same_images_have_the_same_fingerprints_in_every_layout(layout: str, home: Path, tmp_path: Path) -> None:
    reader, laid_out = LAYOUTS[layout]
    other = loaded(laid_out(tmp_path / "other", official_files()), reader=reader)
    assert other.info() == loaded(home).info()
    assert torch.equal(whole(other.parts["test"]).inputs, whole(loaded(home).parts["test"]).inputs)


def test_parts_are_carved_from_train_and_the_official_validation_images_are_test(home: Path) -> None:
    data = loaded(home)
    assert {name: len(part) for name, part in data.parts.items()} == dict(
        train=29, calibration=5, validation=6, test=15
    )
    assert tuple(data.parts) == PARTS
    assert not rows(data.parts["calibration"]) & rows(data.parts["train"])


def test_classes_are_outputs_by_synset_id_even_where_the_folder_has_few_of_them(home: Path) -> None:
    assert whole(loaded(home).parts["test"]).targets.tolist() == sorted(CHOSEN * 3)


def test_synset_ids_are_those_of_timm() -> None:
    from timm.data.imagenet_info import ImageNetInfo

    assert list(synsets()) == ImageNetInfo("imagenet-1k").label_names()  # type: ignore[no-untyped-call]  # so in timm
    assert list(synsets()) == sorted(synsets())


def test_fingerprint_hashes_decoded_rgb_size_and_class(home: Path) -> None:
    expected = hashlib.sha256()
    for path in sorted((home / "val").glob("*/*.JPEG")):
        pixels = np.asarray(Image.open(path).convert("RGB"))
        expected.update(hashlib.sha256(f"{pixels.shape[0]}x{pixels.shape[1]}x3:".encode() + pixels.tobytes()).digest())
        expected.update(synsets().index(path.parent.name).to_bytes(8, "little"))
    assert loaded(home).parts["test"].info.sha256 == expected.hexdigest()


def test_description_reads_no_image(home: Path) -> None:
    for path in home.rglob("*.JPEG"):
        path.write_bytes(b"")
    made = datasets.create({"name": "imagenet", "test_sets": ["real"]})
    assert made.describe({"imagenet": home}) == Description("classification", 1000, 3, test_sets=("real",))


def test_no_part_is_read_before_it_is_used(home: Path) -> None:
    for path in (home / "train").rglob("*.JPEG"):
        path.write_bytes(b"no picture")
    data = loaded(home)
    assert data.parts["test"].info.items == 15
    known = [name for name, part in data.parts.items() if isinstance(part, ReaderPart) and part.is_known]
    assert known == ["test"]


def test_every_damaged_image_is_named_below_the_folder(home: Path) -> None:
    first, second = sorted((home / "val").rglob("*.JPEG"))[:2]
    first.write_bytes(first.read_bytes()[:200])
    second.write_bytes(b"no picture")
    with pytest.raises(DataError) as caught:
        _ = loaded(home).parts["test"].info
    lines = str(caught.value).splitlines()
    assert [line.partition(": cannot be decoded")[0] for line in lines] == [
        f"imagenet data: test: {path.relative_to(home / 'val').as_posix()}" for path in (first, second)
    ]


@pytest.mark.parametrize("layout", ["folder", "class tars in a tar", "shards"])
def test_loader_processes_change_nothing(layout: str, tmp_path: Path) -> None:
    reader, laid_out = LAYOUTS[layout]
    root = laid_out(tmp_path, official_files())
    alone, helped = loaded(root, reader=reader), loaded(root, workers=2, reader=reader)
    assert alone.parts["validation"].info == helped.parts["validation"].info
    for shuffle in (None, 3):
        first, other = whole(alone.parts["test"], 4, shuffle), whole(helped.parts["test"], 4, shuffle)
        assert torch.equal(first.inputs, other.inputs)
        assert torch.equal(first.targets, other.targets)


@pytest.mark.parametrize("augment", ["rand", "shift_flip"])
def test_augmentation_follows_the_seed_and_not_the_processes(augment: str, home: Path) -> None:
    alone, helped = loaded(home).parts["calibration"], loaded(home, workers=2).parts["calibration"]
    first, again, other = (
        torch.cat([batch.inputs for batch in part.augmented(2, seed, augment)])
        for part, seed in ((alone, 1), (helped, 1), (alone, 2))
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_grey_and_palette_images_become_rgb(home: Path) -> None:
    folder = home / "val" / synsets()[0]
    Image.fromarray(np.arange(3600, dtype=np.uint16).astype(np.uint8).reshape(60, 60)).save(folder / "a.png")
    held = io.BytesIO()
    Image.fromarray(np.arange(3600, dtype=np.uint16).astype(np.uint8).reshape(60, 60)).convert("CMYK").save(
        held, "JPEG"
    )
    write(folder / "b.jpg", held.getvalue())
    assert whole(loaded(home).parts["test"]).inputs.shape == (17, 3, 32, 32)


def test_without_train_images_nothing_is_cut_from_the_test_set_unsaid(tmp_path: Path) -> None:
    home = write_folder(tmp_path, official_files(train=0))
    assert refusal(home, splits={"calibration": 2}) == (
        "splits: imagenet data: there are no train images to carve train, validation from; it holds "
        "train/SYNSET/*.JPEG and val/SYNSET/*.JPEG, or say each of them in splits"
    )
    said = {"train": 1, "calibration": 5, "validation": 2}
    assert len(loaded(home, splits=said).parts["test"]) == 7


def test_a_missing_folder_says_what_would_be_right() -> None:
    with pytest.raises(DataError) as caught:
        datasets.create({"name": "imagenet"}).describe({})
    assert str(caught.value) == (
        "imagenet data: no folder is known; say it in the site file: paths: {imagenet: DIR}; "
        "it holds train/SYNSET/*.JPEG and val/SYNSET/*.JPEG"
    )


@pytest.mark.parametrize("reader", ["folder", "tar", "wds"])
def test_a_folder_without_validation_images_says_what_would_be_right(reader: str, tmp_path: Path) -> None:
    assert refusal(tmp_path, reader=reader).startswith(
        "imagenet data: its folder holds no validation images; it holds "
    )


def test_shards_without_samples_are_refused(tmp_path: Path) -> None:
    write_shards(tmp_path, official_files(), with_info=False)
    for path in tmp_path.glob("*-validation-*"):
        path.write_bytes(tar_bytes({}))
    assert refusal(tmp_path, reader="wds").startswith("imagenet data: holds no test images; it holds shards ")


def test_the_flat_official_validation_folder_is_refused_in_words(home: Path) -> None:
    for path in list((home / "val").rglob("*.JPEG")):
        path.rename(home / "val" / path.name)
    for folder in (home / "val").iterdir():
        folder.rmdir() if folder.is_dir() else None
    assert refusal(home) == (
        "imagenet data: val: holds no class folders of test images: images stand outside class folders; "
        "sort them into folders that are called by their synset ids"
    )


def test_images_beside_the_class_folders_are_refused(home: Path) -> None:
    path = next((home / "val").rglob("*.JPEG"))
    path.rename(home / "val" / path.name)
    assert refusal(home, splits=SPLITS).startswith("imagenet data: val: images stand outside class folders; ")


@pytest.mark.parametrize(("reader", "laid_out"), [("folder", write_folder), ("tar", write_tar_of_tars)])
def test_a_class_that_is_not_imagenets_is_refused(
    reader: str, laid_out: Callable[[Path, dict[str, bytes]], Path], tmp_path: Path
) -> None:
    files = official_files()
    files |= {name.replace(synsets()[0], "cat"): content for name, content in files.items() if synsets()[0] in name}
    assert "holds 1 classes that are not of ImageNet-1k: 'cat'; would be right: synset ids as n01440764" in refusal(
        laid_out(tmp_path, files), reader=reader
    )


def test_one_class_is_refused(tmp_path: Path) -> None:
    files = {name: content for name, content in official_files().items() if synsets()[9] in name}
    assert refusal(write_folder(tmp_path, files)) == "imagenet data: holds one class only; at least two are needed"


def test_a_grey_network_is_refused(home: Path) -> None:
    grey = ImageInput((1, 32, 32), (0.5,), (0.5,), "bicubic", 0.9, "center")
    with pytest.raises(DataError, match="the images have 3 channels, the network wants 1"):
        loaded(home, fed=grey)


def test_an_unknown_reader_is_refused() -> None:
    with pytest.raises(SpecError, match=r"data\.reader"):
        datasets.create({"name": "imagenet", "reader": "tfds"}, "data")


def test_the_hub_reader_says_which_package_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)  # as where it is absent
    with pytest.raises(MissingExtraError, match="reader hfds needs the package 'datasets'"):
        datasets.create({"name": "imagenet", "reader": "hfds"}).describe({"imagenet": tmp_path})
