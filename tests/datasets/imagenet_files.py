"""A small ImageNet on disk: JPEG crops of two photographs under official names, in every layout that is read."""

from __future__ import annotations

import io
import json
import tarfile
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.datasets.synsets import synsets

CHOSEN = (0, 1, 9, 207, 999)  # class indices that the small set has images of


@cache
def photographs() -> tuple[NDArray[np.uint8], ...]:
    """Two real photographs, uint8 (427, 640, 3)."""
    from sklearn.datasets import load_sample_images

    return tuple(np.asarray(image, dtype=np.uint8) for image in load_sample_images().images)  # type: ignore[no-untyped-call]  # so in scikit-learn


def jpeg(seed: int, size: tuple[int, int] | None = None) -> bytes:
    """A crop of one of the photographs, its place and size drawn from `seed`; `size` (height, width) fixes the size."""
    chance = np.random.default_rng(seed)
    height, width = size or chance.integers(40, 90, 2).tolist()
    whole = photographs()[seed % 2]
    top, left = (
        int(chance.integers(0, edge - cut)) for edge, cut in zip(whole.shape[:2], (height, width), strict=True)
    )
    held = io.BytesIO()
    Image.fromarray(whole[top : top + height, left : left + width]).save(held, "JPEG", quality=90)
    return held.getvalue()


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def official_files(train: int = 40, val: int = 15) -> dict[str, bytes]:
    """Content by `train/SYNSET/SYNSET_N.JPEG` and `val/SYNSET/ILSVRC2012_val_NNNNNNNN.JPEG`, classes in turn."""
    names = [synsets()[index] for index in CHOSEN]
    found = {}
    for number in range(train):
        synset = names[number % len(names)]
        found[f"train/{synset}/{synset}_{number + 1}.JPEG"] = jpeg(number)
    for number in range(val):
        found[f"val/{names[number % len(names)]}/ILSVRC2012_val_{number + 1:08d}.JPEG"] = jpeg(1000 + number)
    return found


def write_folder(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        write(root / name, content)
    return root


def tar_bytes(files: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return held.getvalue()


def by_class(files: dict[str, bytes], part: str) -> dict[str, dict[str, bytes]]:
    """Files of a part by class and name."""
    found: dict[str, dict[str, bytes]] = {}
    for path, content in files.items():
        own, synset, name = path.split("/")
        if own == part:
            found.setdefault(synset, {})[name] = content
    return found


def write_class_folders_tar(root: Path, files: dict[str, bytes]) -> Path:
    """train.tar and val.tar with class folders in them."""
    for part in ("train", "val"):
        inner = {f"{synset}/{name}": c for synset, held in by_class(files, part).items() for name, c in held.items()}
        write(root / f"{part}.tar", tar_bytes(inner))
    return root


def write_tar_of_tars(root: Path, files: dict[str, bytes]) -> Path:
    """train.tar and val.tar with one tar file a class in them, as ImageNet's train images are published."""
    for part in ("train", "val"):
        inner = {f"{synset}.tar": tar_bytes(held) for synset, held in by_class(files, part).items()}
        write(root / f"{part}.tar", tar_bytes(inner))
    return root


def write_class_tars(root: Path, files: dict[str, bytes]) -> Path:
    """Folders train and val with one tar file a class."""
    for part in ("train", "val"):
        for synset, held in by_class(files, part).items():
            write(root / part / f"{synset}.tar", tar_bytes(held))
    return root


def write_shards(root: Path, files: dict[str, bytes], each: int = 7, with_info: bool = True) -> Path:
    """WebDataset shards imagenet1k-train-0000.tar and so on, of images in an order of their own."""
    splits = {}
    for part, split in {"train": "train", "val": "validation"}.items():
        items = [(s, name, c) for s, held in by_class(files, part).items() for name, c in held.items()]
        items = [items[index] for index in np.random.default_rng(5).permutation(len(items))]
        shards, lengths = [], []
        for number, start in enumerate(range(0, len(items), each)):
            inner = {}
            for synset, name, content in items[start : start + each]:
                inner[f"{Path(name).stem}.cls"] = str(synsets().index(synset)).encode()
                inner[f"{Path(name).stem}.jpg"] = content
            shards.append(f"imagenet1k-{split}-{number:04d}.tar")
            lengths.append(len(inner) // 2)
            write(root / shards[-1], tar_bytes(inner))
        splits[split] = {"name": split, "num_samples": len(items), "filenames": shards, "shard_lengths": lengths}
    if with_info:
        write(root / "_info.json", json.dumps({"splits": splits}).encode())
    return root
