"""Encoded images by index: whole files, stretches of archives, rows of a table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

OFFICIAL = re.compile(r"ILSVRC2012_val_(\d{8})")


class Source(Protocol):
    """Encoded images in a fixed order; a loader process is given it, so it holds no open file."""

    def name(self, index: int) -> str:
        """What messages call an image, below the folder of its data set."""

    def read(self, index: int) -> bytes:
        """The file as it was written; raises OSError."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Where an image lies: a file below the root, and the bytes of it; `size` None is the whole file."""

    file: str
    name: str
    start: int = 0
    size: int | None = None


@dataclass(frozen=True)
class Stretches:
    """Images that lie in files, each opened for one read: loader processes share no position in a file."""

    root: Path
    found: Sequence[Stretch]

    def name(self, index: int) -> str:
        return self.found[index].name

    def read(self, index: int) -> bytes:
        one = self.found[index]
        with (self.root / one.file).open("rb") as file:
            file.seek(one.start)
            return file.read() if one.size is None else file.read(one.size)


@dataclass(frozen=True)
class Listing:
    """What a reader found: images, and the class index of each, int64 (n,)."""

    source: Source
    targets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.targets)


@dataclass(frozen=True)
class Reordered:
    """The images of another source, in another order."""

    source: Source
    order: Sequence[int]

    def name(self, index: int) -> str:
        return self.source.name(self.order[index])

    def read(self, index: int) -> bytes:
        return self.source.read(self.order[index])


def listing(source: Source, targets: Sequence[int]) -> Listing:
    """A listing whose order is that of classes and names."""
    order = in_order(source, targets)
    return Listing(Reordered(source, tuple(order.tolist())), np.array(targets, dtype=np.int64)[order])


def in_order(source: Source, targets: Sequence[int]) -> NDArray[np.int64]:
    """Indices by class, then by file name with its numbers read as numbers, whatever an archive's own order is.

    It is timm's order of a folder, so the same images have the same fingerprint in every layout.
    """
    classes = np.asarray(targets, dtype=np.int64)
    grouped = np.argsort(classes, kind="stable")
    groups = np.split(grouped, np.flatnonzero(np.diff(classes[grouped])) + 1)  # sorted one by one, to hold few keys

    def key(index: int) -> tuple[list[tuple[int, str]], str]:
        name = source.name(index)
        return natural(name.rpartition("/")[2]), name

    return np.concatenate([np.array(sorted(group.tolist(), key=key), dtype=np.int64) for group in groups])


def natural(name: str) -> list[tuple[int, str]]:
    """Sorts `a_2` before `a_10`, as timm does."""
    parts = re.split(r"([0-9]+)", name.lower())  # every second one is a number
    return [(int(part), "") if index % 2 else (-1, part) for index, part in enumerate(parts)]


def official_number(name: str) -> int | None:
    """1 to 50,000 of `ILSVRC2012_val_NNNNNNNN.JPEG`, in whatever folder; None of another name."""
    found = OFFICIAL.search(name)
    return int(found[1]) if found else None
