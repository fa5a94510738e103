"""Random changes of training images, each drawn from a seed and the image's own number: workers do not matter."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.datasets.chance import derived, seeded
from harness.errors import DataError
from harness.tasks.images import ImageInput

if TYPE_CHECKING:
    from PIL.Image import Image
    from timm.data.auto_augment import RandAugment
    from torch import Tensor

RAND = "rand-m9-mstd0.5-inc1"  # RandAugment (Cubuk et al. 2019) as DeiT and lambda-ViT have it, in timm's words
REACH = 8  # a shift goes up to this part of height and width
MIRRORED = 0.5  # chance


def shifted_and_mirrored(inputs: Tensor, chance: np.random.Generator) -> Tensor:
    """Each of (n, channels, height, width) moved by whole pixels, up to an eighth of its size, and mirrored or not.

    What comes in from outside is 0, the mean of standardised images.
    """
    import torch
    from torch.nn.functional import pad

    height, width = inputs.shape[2:]
    down, right = (max(1, size // REACH) for size in (height, width))
    tops = chance.integers(0, 2 * down, len(inputs), endpoint=True).tolist()
    lefts = chance.integers(0, 2 * right, len(inputs), endpoint=True).tolist()
    mirrored = torch.from_numpy(chance.random(len(inputs)) < MIRRORED)
    padded = pad(inputs, (right, right, down, down))
    moved = torch.stack(
        [
            image[:, top : top + height, left : left + width]
            for image, top, left in zip(padded, tops, lefts, strict=True)
        ]
    )
    return torch.where(mirrored.view(-1, 1, 1, 1), moved.flip(3), moved)


def shifts(shuffle: int) -> np.random.Generator:
    """What the shifts of an epoch are drawn from."""
    return np.random.default_rng(derived(shuffle, "shift_flip"))


@dataclass(frozen=True)
class RandAugmented:
    """8-bit images (n, height, width, 1 or 3), mirrored or not, then through timm's RandAugment, before all else."""

    mean: tuple[float, ...]  # of value / 255 by channel: what comes in from outside

    def __call__(self, images: NDArray[np.uint8], numbers: Sequence[int], shuffle: int) -> NDArray[np.uint8]:
        """`numbers` are the images' own within their part; the same one in the same epoch is changed alike."""
        from timm.data.auto_augment import rand_augment_transform

        channels = images.shape[3]
        if channels not in (1, 3):
            raise DataError(f"'augment: rand' is for images of 1 or 3 channels, and these have {channels}")
        fill = tuple(min(255, round(255 * mean)) for mean in self.mean[:channels])
        change = mended(rand_augment_transform(RAND, {"img_mean": fill if channels == 3 else fill[0]}))
        found = []
        for image, number in zip(images, numbers, strict=True):
            with seeded(derived(shuffle, number)):
                found.append(_changed(image, change))
        return np.stack(found)


def mended(change: RandAugment) -> RandAugment:
    """timm's changes with a posterisation that may keep no bit at all, which new versions of Pillow refuse."""
    for op in change.ops:
        if op.name.startswith("Posterize"):
            op.aug_fn = _posterized
    return change


def _posterized(image: Image, bits: int, **_: Any) -> Image:
    from PIL import ImageOps

    return ImageOps.posterize(image, bits) if bits else image.point(lambda _: 0)


def _changed(image: NDArray[np.uint8], change: Callable[[Any], Any]) -> NDArray[np.uint8]:
    from PIL import Image as Pictures
    from PIL import ImageOps

    picture = Pictures.fromarray(image[..., 0] if image.shape[2] == 1 else image)
    if random.random() < MIRRORED:
        picture = ImageOps.mirror(picture)
    return np.asarray(change(picture), dtype=np.uint8).reshape(image.shape)


def training_transform(
    config: ImageInput, mean: tuple[float, ...], std: tuple[float, ...]
) -> Callable[[Image], Tensor]:
    """timm's own for training: a random crop of 8 to 100 % of the area, mirrored or not, RandAugment, standardised."""
    from timm.data.auto_augment import RandAugment
    from timm.data.transforms_factory import create_transform

    made: Any = create_transform(
        config.size,
        is_training=True,
        interpolation=config.interpolation,
        mean=mean,
        std=std,
        hflip=MIRRORED,
        auto_augment=RAND,
        re_prob=0.0,
    )
    for step in made.transforms:
        if isinstance(step, RandAugment):
            mended(step)
    transform: Callable[[Image], Tensor] = made
    return transform
