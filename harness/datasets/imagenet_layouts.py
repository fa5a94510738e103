"""How ImageNet lies on disk for each reader: which official parts are there, and the images in them."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias

from harness.datasets.encoded import Listing
from harness.datasets.places import fault
from harness.datasets.readers import FLAT, class_folders, folder_listing, hub_listing, hub_splits, tar_listing
from harness.datasets.shards import shard_files, shard_listing
from harness.datasets.synsets import check_names
from harness.errors import DataError, MissingExtraError, Problem

Reader: TypeAlias = Literal["folder", "tar", "wds", "hfds"]
# The official validation images are what is tested on; the official test images have no labels.
OFFICIAL = {"train": ("train",), "test": ("val", "validation")}
LAYOUTS: Mapping[Reader, str] = {
    "folder": "it holds train/SYNSET/*.JPEG and val/SYNSET/*.JPEG",
    "tar": "it holds train.tar and val.tar, of class folders or of class tars, or folders train and val of class tars",
    "wds": "it holds shards NAME-train-0000.tar and NAME-validation-00.tar, or lists them in _info.json",
    "hfds": "it holds a Hugging Face data set with splits train and validation",
}


def check_layout(root: Path, reader: Reader, place: str) -> tuple[str, ...]:
    """The parts that are given, without reading an image; raises DataError where the official test set is absent."""
    if reader == "hfds":
        _check_package(place)
        return ()  # asking for the splits would load what is read when the data is
    given = tuple(shards_of(root)) if reader == "wds" else tuple(homes(root, reader))
    if "test" not in given:
        raise DataError(fault(place, f"its folder holds no validation images; {LAYOUTS[reader]}"))
    if reader == "folder":
        for part, home in homes(root, reader).items():
            names = class_folders(home)
            if not names:
                raise DataError(fault(f"{place}: {home.name}", f"holds no class folders of {part} images: {FLAT}"))
            check_names(names, "imagenet", f"{place}: {home.name}")
    return given


def listings(root: Path, reader: Reader, place: str) -> dict[str, Listing]:
    """Every image of the given official parts, `train` and `test`; raises DataError."""
    found = _listings(root, reader, place)
    empty = [part for part, listing in found.items() if not len(listing)]
    if empty:
        raise DataError([fault(place, f"holds no {part} images; {LAYOUTS[reader]}") for part in empty])
    return found


def _listings(root: Path, reader: Reader, place: str) -> dict[str, Listing]:
    if reader == "hfds":
        _check_package(place)
        return {part: hub_listing(root, split, f"{place}: {split}") for part, split in _splits(root, place).items()}
    if reader == "wds":
        return {part: shard_listing(root, files, place) for part, files in shards_of(root).items()}
    read = folder_listing if reader == "folder" else tar_listing
    return {part: read(home, f"{place}: {home.name}") for part, home in homes(root, reader).items()}


def homes(root: Path, reader: Reader) -> dict[str, Path]:
    """Folder or tar file of each official part that is there."""
    endings = (".tar", "") if reader == "tar" else ("",)
    found: dict[str, Path] = {}
    for part, names in OFFICIAL.items():
        for path in (root / f"{name}{ending}" for name in names for ending in endings):
            is_there = path.is_file() if path.suffix else path.is_dir() and (reader == "folder" or _has_tars(path))
            if is_there:
                found.setdefault(part, path)
    return found


def shards_of(root: Path) -> dict[str, tuple[str, ...]]:
    """Shards of each official part that is there."""
    found = {part: shard_files(root, names) for part, names in OFFICIAL.items()}
    return {part: files for part, files in found.items() if files}


def _has_tars(folder: Path) -> bool:
    return any(folder.glob("*.tar"))


def _splits(root: Path, place: str) -> dict[str, str]:
    named = hub_splits(root, place)
    found = {part: next((name for name in names if name in named), None) for part, names in OFFICIAL.items()}
    if found["test"] is None:
        raise DataError(fault(place, f"has no validation split but {', '.join(named)}; {LAYOUTS['hfds']}"))
    return {part: name for part, name in found.items() if name is not None}


def _check_package(place: str) -> None:
    spec = importlib.util.find_spec("datasets")
    if spec is None or spec.origin is None:  # without an origin it is somebody's folder of that name
        message = f"{place}: reader hfds needs the package 'datasets', which is not installed: pip install datasets"
        raise MissingExtraError(Problem("reader", message))
