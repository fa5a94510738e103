"""Images by index are what timm's readers give, in timm's order of a folder."""

from __future__ import annotations

import gc
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from imagenet_files import (
    CHOSEN,
    by_class,
    jpeg,
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

from harness.datasets.encoded import Listing, natural, official_number
from harness.datasets.readers import folder_listing, hub_listing, hub_splits, tar_listing
from harness.datasets.shards import shard_files, shard_listing
from harness.datasets.synsets import synsets, words
from harness.errors import DataError


def contents(listing: Listing) -> list[tuple[bytes, int]]:
    return [(listing.source.read(index), int(target)) for index, target in enumerate(listing.targets)]


def by_name(part: str) -> list[tuple[bytes, int]]:
    """Content and class of every file of a part, in the order of class and number."""
    files = by_class(official_files(), part)
    number = {s: {name: int(name.rpartition("_")[2].partition(".")[0]) for name in held} for s, held in files.items()}
    return [
        (files[synset][name], synsets().index(synset))
        for synset in sorted(files)
        for name in sorted(files[synset], key=number[synset].__getitem__)
    ]


def test_a_folder_is_in_the_order_of_class_and_number(tmp_path: Path) -> None:
    write_folder(tmp_path, official_files())
    assert contents(folder_listing(tmp_path / "train", "here")) == by_name("train")


def test_a_folder_is_in_timms_own_order(tmp_path: Path) -> None:
    from timm.data.readers.reader_factory import create_reader

    write_folder(tmp_path, official_files())
    reader = create_reader("", str(tmp_path / "train"))
    expected = [read_from(reader, index) for index in range(len(reader))]
    assert [content for content, _ in contents(folder_listing(tmp_path / "train", "here"))] == expected


def read_from(reader: Any, index: int) -> bytes:
    file, _ = reader[index]
    with file:
        found: bytes = file.read()
        return found


@pytest.mark.parametrize("laid_out", [write_class_folders_tar, write_tar_of_tars])
def test_tar_files_hold_the_same_images(laid_out: Callable[[Path, dict[str, bytes]], Path], tmp_path: Path) -> None:
    laid_out(tmp_path, official_files())
    assert contents(tar_listing(tmp_path / "train.tar", "here")) == by_name("train")


def test_folders_of_tar_files_hold_the_same_images(tmp_path: Path) -> None:
    write_class_tars(tmp_path, official_files())
    assert contents(tar_listing(tmp_path / "train", "here")) == by_name("train")


@pytest.mark.parametrize("with_info", [True, False])
def test_shards_hold_the_same_images(with_info: bool, tmp_path: Path) -> None:
    write_shards(tmp_path, official_files(), with_info=with_info)
    files = shard_files(tmp_path, ("train",))
    assert len(files) == 6
    assert contents(shard_listing(tmp_path, files, "here")) == by_name("train")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # timm leaves shards to be closed
def test_shards_give_what_timms_reader_gives(tmp_path: Path) -> None:
    pytest.importorskip("webdataset")
    from timm.data.readers.reader_factory import create_reader

    write_shards(tmp_path, official_files())
    listing = shard_listing(tmp_path, shard_files(tmp_path, ("val", "validation")), "here")
    mine = {(pixels_of(content).tobytes(), target) for content, target in contents(listing)}
    reader: Any = create_reader("wds/", str(tmp_path), split="validation")
    assert {(np.asarray(image).tobytes(), int(target)) for image, target in reader} == mine
    assert len(mine) == 15
    del reader
    gc.collect()


def pixels_of(content: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


@pytest.mark.parametrize(
    ("inner", "sentence"),
    [
        ({"a.jpg": jpeg(0)}, "train-0.tar/a: the sample has no class (.cls)"),
        ({"a.cls": b"1"}, "train-0.tar/a: the sample has no image"),
        ({"a.jpg": jpeg(0), "a.cls": b"1000"}, "holds labels that are no classes: [1000]; must be 0 to 999"),
        ({"a.jpg": jpeg(0), "a.cls": b"cat"}, "train-0.tar: cannot be read as a shard (ValueError)"),
    ],
)
def test_a_sample_that_timm_would_pass_over_is_an_error(inner: dict[str, bytes], sentence: str, tmp_path: Path) -> None:
    write(tmp_path / "x-train-0.tar", tar_bytes(inner))
    with pytest.raises(DataError) as caught:
        shard_listing(tmp_path, shard_files(tmp_path, ("train",)), "here")
    assert sentence in str(caught.value)


def test_a_shard_that_is_no_tar_file_is_an_error(tmp_path: Path) -> None:
    write(tmp_path / "x-train-0.tar", b"words")
    with pytest.raises(DataError, match=r"here: x-train-0\.tar: cannot be read as a shard"):
        shard_listing(tmp_path, ("x-train-0.tar",), "here")


@pytest.mark.parametrize("content", [b"", b"words", tar_bytes({"note.txt": b"words"})])
def test_a_tar_file_without_images_is_an_error(content: bytes, tmp_path: Path) -> None:
    write(tmp_path / "train.tar", content)
    with pytest.raises(DataError, match=r"^here: no tar files with images of classes could be read \("):
        tar_listing(tmp_path / "train.tar", "here")


def test_numbers_in_names_sort_as_numbers() -> None:
    names = ["n_10.JPEG", "n_2.JPEG", "N_1.jpeg", "2", "10", "a"]
    from timm.utils.misc import natural_key

    assert sorted(names, key=natural) == sorted(names, key=natural_key)


def test_the_official_number_is_read_from_any_spelling() -> None:
    assert official_number("n01440764/ILSVRC2012_val_00000293.JPEG") == 293
    assert official_number("ILSVRC2012_val_00000293_n01440764.JPEG") == 293
    assert official_number("n01440764_293.JPEG") is None


def hub_names() -> list[str]:
    """Words for all classes, told apart where two are called alike (both cranes)."""
    return [word if words().index(word) == index else f"{word} again" for index, word in enumerate(words())]


def hub_folder(root: Path, names: list[str] | None) -> Path:
    """Parquet files of the official parts, as the hub has them: bytes, path and a label that may have names."""
    hub = pytest.importorskip("datasets")
    if hub.__file__ is None:
        pytest.skip("the Hugging Face package 'datasets' is not installed")
    numbers = {s: names.index(words()[i]) if names else i for i, s in enumerate(synsets())}
    for part, split in {"train": "train", "val": "validation"}.items():
        items = [(s, name, c) for s, held in by_class(official_files(), part).items() for name, c in held.items()]
        features = hub.Features(
            {"image": hub.Image(), "label": hub.ClassLabel(names=names) if names else hub.Value("int64")}
        )
        rows = {
            "image": [{"bytes": content, "path": name} for _, name, content in items],
            "label": [numbers[synset] for synset, _, _ in items],
        }
        (root / "data").mkdir(parents=True, exist_ok=True)
        hub.Dataset.from_dict(rows, features=features).to_parquet(str(root / "data" / f"{split}-00000.parquet"))
    return root


@pytest.mark.filterwarnings("ignore")  # that package's own
@pytest.mark.parametrize("is_named", [True, False])
def test_a_hugging_face_data_set_holds_the_same_images(
    is_named: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = hub_folder(tmp_path / "set", hub_names() if is_named else None)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))
    assert set(hub_splits(home, "here")) == {"train", "validation"}
    assert contents(hub_listing(home, "train", "here")) == by_name("train")


@pytest.mark.filterwarnings("ignore")  # that package's own
def test_class_names_in_another_order_than_the_outputs_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = hub_folder(tmp_path / "set", sorted(hub_names()))
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))
    with pytest.raises(DataError, match="in the order of their synset ids"):
        hub_listing(home, "validation", "here")


def test_info_of_shards_decides_over_names(tmp_path: Path) -> None:
    write(tmp_path / "part.tar", tar_bytes({"a.jpg": jpeg(0), "a.cls": str(CHOSEN[2]).encode()}))
    write(tmp_path / "x-train-0.tar", b"words")
    write(tmp_path / "_info.json", json.dumps({"splits": {"train": {"filenames": ["part.tar"]}}}).encode())
    assert shard_files(tmp_path, ("train",)) == ("part.tar",)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"splits": {"train": {}}}'])
def test_info_of_shards_that_says_nothing_is_an_error(content: str, tmp_path: Path) -> None:
    write(tmp_path / "_info.json", content.encode())
    with pytest.raises(DataError, match=r"^_info\.json: cannot be read"):
        shard_files(tmp_path, ("train",))
