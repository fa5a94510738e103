"""From uint8 arrays to what a network is fed: scaled, resized, standardised, in that order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.datasets.places import fault
from harness.errors import DataError
from harness.tasks.images import ImageInput

if TYPE_CHECKING:
    from torch import Tensor

Normalize: TypeAlias = Annotated[
    Literal["data", "model"],
    Field(description="mean and deviation of the train part, or those that the network was published with"),
]
Channels: TypeAlias = Annotated[
    int | None, Field(ge=1, le=4, description="channels of the network; default the data's own, 3 repeats grey")
]
CHUNK = 1024  # images at a time: bounds the temporary copies


@dataclass(frozen=True)
class Pixels:
    """The whole transform of images (n, h, w, c); `size` is (channels, height, width) of the result."""

    size: tuple[int, int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __call__(self, images: NDArray[np.uint8]) -> Tensor:
        """Float32 (n, channels, height, width); each image by itself, however many are given at once."""
        import torch
        from torch.nn.functional import interpolate

        found = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).to(torch.float32) / 255
        if tuple(found.shape[2:]) != self.size[1:]:
            found = interpolate(found, self.size[1:], mode="bilinear", antialias=True, align_corners=False)
        if found.shape[1] != self.size[0]:
            found = found.repeat(1, self.size[0], 1, 1)
        mean, std = (torch.tensor(values, dtype=torch.float32).view(1, -1, 1, 1) for values in (self.mean, self.std))
        return (found - mean) / std

    def described(self, shape: tuple[int, ...]) -> str:
        """The transform of images of `shape` (h, w, c) in words; numbers to six digits."""
        own, wanted = f"{shape[0]}x{shape[1]}", f"{self.size[1]}x{self.size[2]}"
        resize = f"{own} none" if own == wanted else f"{own} to {wanted} bilinear antialias"
        grey = f", grey to {self.size[0]} channels" if shape[2] != self.size[0] else ""
        return f"uint8/255, resize {resize}{grey}, {standardised(self.mean, self.std)}"


def standardised(mean: tuple[float, ...], std: tuple[float, ...]) -> str:
    """`mean 0.305 std 0.376`, one number a channel."""
    means, stds = (" ".join(f"{value:.6g}" for value in values) for values in (mean, std))
    return f"mean {means} std {stds}"


def pixels_for(config: ImageInput, train: NDArray[np.uint8], normalize: Normalize, where: str) -> Pixels:
    """The transform for a network that wants `config`, with the statistics of the train images; raises DataError."""
    own, wanted = train.shape[3], config.size[0]
    if own != wanted and (own, wanted) != (1, 3):
        raise DataError(fault(where, f"the data has {own} channels, the network wants {wanted}"))
    mean, std = (config.mean, config.std) if normalize == "model" else channel_statistics(train)
    if wanted % len(mean):
        raise DataError(
            fault(where, f"{len(mean)} means do not fit {wanted} channels; normalize: data would", "normalize")
        )
    repeats = wanted // len(mean)
    return Pixels(config.size, mean * repeats, std * repeats)


def channel_statistics(images: NDArray[np.uint8]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of value / 255 by channel, over all pixels of (n, h, w, c), from exact sums."""
    sums = np.zeros(images.shape[3], dtype=np.uint64)
    squares = np.zeros_like(sums)
    for start in range(0, len(images), CHUNK):
        part = images[start : start + CHUNK]
        sums += part.sum(axis=(0, 1, 2), dtype=np.uint64)
        squares += np.square(part, dtype=np.uint32).sum(axis=(0, 1, 2), dtype=np.uint64)
    return moments(sums.tolist(), squares.tolist(), images[..., 0].size)


def moments(sums: Iterable[int], squares: Iterable[int], pixels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of value / 255, from sums over `pixels` values a channel."""
    pairs = list(zip(sums, squares, strict=True))
    mean = tuple(total / pixels / 255 for total, _ in pairs)
    # In whole numbers up to the root, so nothing cancels. A constant channel is left as it is.
    std = tuple(((pixels * square - total * total) ** 0.5 / pixels / 255) or 1.0 for total, square in pairs)
    return mean, std
