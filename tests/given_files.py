"""Small data sets on disk in every layout that is read, and what tests ask of loaded ones."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from harness.datasets.base import Data, Part, datasets
from harness.tasks.base import Batch
from harness.tasks.images import ImageInput


def config(channels: int = 1, size: int = 8) -> ImageInput:
    return ImageInput((channels, size, size), (0.5,) * channels, (0.25,) * channels, "bicubic", 0.9, "center")


def noise(
    items: int, shape: tuple[int, ...], seed: int, classes: int = 4
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    x = np.random.default_rng(seed).integers(0, 256, (items, *shape), dtype=np.uint8)
    return x, (np.arange(items) % classes).astype(np.uint8)


def write_npz(home: Path, part: str, x: NDArray[Any], y: NDArray[Any], **others: NDArray[Any]) -> None:
    home.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {"x": x, "y": y, **others}
    np.savez(home / f"{part}.npz", **arrays)


def npz_folder(home: Path, shape: tuple[int, ...] = (8, 8)) -> Path:
    """Sixty train and twenty test items of four classes."""
    for seed, (part, items) in enumerate({"train": 60, "test": 20}.items()):
        write_npz(home, part, *noise(items, shape, seed))
    return home


def idx_bytes(array: NDArray[np.uint8]) -> bytes:
    head = bytes([0, 0, 8, array.ndim])
    return head + b"".join(size.to_bytes(4, "big") for size in array.shape) + array.tobytes()


def idx_folder(home: Path, is_zipped: bool) -> Path:
    """The items of `npz_folder`, as four idx files."""
    home.mkdir(parents=True, exist_ok=True)
    for seed, (stem, items) in enumerate({"train": 60, "t10k": 20}.items()):
        x, y = noise(items, (8, 8), seed)
        for name, array in {"images-idx3": x, "labels-idx1": y}.items():
            content = idx_bytes(array)
            path = home / f"{stem}-{name}-ubyte{'.gz' if is_zipped else ''}"
            path.write_bytes(gzip.compress(content) if is_zipped else content)
    return home


def write_images(home: Path, items: int, seed: int, classes: tuple[str, ...] = ("cat", "dog")) -> Path:
    """CLASS/NN.png of 12x10 noise; items are spread over the classes in turn."""
    pixels = np.random.default_rng(seed).integers(0, 256, (items, 10, 12, 3), dtype=np.uint8)
    for index, image in enumerate(pixels):
        folder = home / classes[index % len(classes)]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{index:03d}.png")
    return home


def load(name: str, paths: Mapping[str, Path] | None = None, fed: ImageInput | None = None, **options: Any) -> Data:
    return datasets.create({"name": name, **options}).load(paths or {}, fed or config())


def whole(part: Part, size: int = 7, shuffle: int | None = None) -> Batch:
    found = list(part.batches(size, shuffle))
    return Batch(torch.cat([batch.inputs for batch in found]), torch.cat([batch.targets for batch in found]))


def rows(part: Part) -> set[bytes]:
    """Every item of a part by its bytes after the transform."""
    return {item.numpy().tobytes() for item in whole(part).inputs}
