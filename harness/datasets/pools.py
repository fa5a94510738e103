"""Images with labels as they are given, before they are parted: arrays that have been checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.datasets.places import fault
from harness.errors import DataError

CHANNELS = (1, 2, 3, 4)


@dataclass(frozen=True)
class Shape:
    """Shape and type of an array, known without reading it."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @classmethod
    def of(cls, array: NDArray[Any]) -> Shape:
        """Of an array in memory."""
        return cls(array.shape, array.dtype)


@dataclass(frozen=True)
class Pool:
    """Images uint8 (n, height, width, channels) and class indices int64 (n,)."""

    images: NDArray[np.uint8]
    targets: NDArray[np.int64]

    @property
    def channels(self) -> int:
        """Of every image."""
        return int(self.images.shape[3])


def pool(x: NDArray[Any], y: NDArray[Any], where: str) -> Pool:
    """A checked pool of x uint8 (n, h, w) or (n, h, w, c) and integer y (n,); raises DataError."""
    check_shapes(Shape.of(x), Shape.of(y), where)
    return Pool(x if x.ndim == 4 else x[..., np.newaxis], y.astype(np.int64))


def check_shapes(x: Shape, y: Shape, where: str) -> None:
    """Raises DataError with everything that is wrong with a pair of arrays."""
    found = []
    if x.dtype != np.uint8:
        found.append(f"x must be uint8, 0 to 255; it is {x.dtype}")
    if len(x.shape) not in (3, 4) or (len(x.shape) == 4 and x.shape[3] not in CHANNELS):
        shape = "x".join(map(str, x.shape))
        found.append(f"x must be (n, height, width) or (n, height, width, channels up to 4); it is {shape}")
    if y.dtype.kind not in "iu" or len(y.shape) != 1:
        found.append(f"y must hold one integer an item; it is {y.dtype} of {len(y.shape)} dimensions")
    elif x.shape[:1] != y.shape:
        found.append(f"x has {x.shape[0] if x.shape else 0:,} items and y has {y.shape[0]:,}; they must be as many")
    if 0 in x.shape:
        found.append("holds no items")
    if found:
        raise DataError([fault(where, message) for message in found])


def check_labels(targets: Mapping[str, NDArray[np.int64]], classes: int, where: str) -> None:
    """Raises DataError where labels leave 0 to classes - 1, or all are the same."""
    for name, labels in targets.items():
        low, high = int(labels.min()), int(labels.max())
        if low < 0 or high >= classes:
            raise DataError(fault(where, f"labels of {name} go from {low} to {high}; must be 0 to {classes - 1}"))
    if len(np.unique(np.concatenate(list(targets.values())))) < 2:
        raise DataError(fault(where, "holds one class only; at least two are needed"))


def check_channels(pools: Mapping[str, Pool], where: str) -> None:
    """Raises DataError where given parts differ in channels."""
    found = {name: given.channels for name, given in pools.items()}
    if len(set(found.values())) > 1:
        listed = ", ".join(f"{name} {channels}" for name, channels in found.items())
        raise DataError(fault(where, f"parts differ in channels: {listed}"))


def channels_fed(own: int, asked: int | None, where: str) -> int:
    """Channels that a network is fed: the data's own, or three copies of grey where that is asked for."""
    if asked is None or asked == own:
        return own
    if own == 1 and asked == 3:
        return 3
    right = "1 or 3" if own == 1 else str(own)
    raise DataError(fault(where, f"{asked} was asked for, the data has {own}; would be right: {right}", "channels"))
