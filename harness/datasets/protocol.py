"""The evaluation transform of timm for one network, and the words that leave nothing of it open."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.datasets.augment import training_transform
from harness.datasets.pixels import standardised
from harness.tasks.images import ImageInput

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

CORRUPTED = 224  # height and width that the images of ImageNet-C were cropped to before they were corrupted


@dataclass(frozen=True)
class Feed:
    """What becomes of a decoded image, in evaluation and in training, and the processes that do it."""

    transform: Callable[[Image], Tensor]
    words: str
    training: Callable[[Image], Tensor]
    workers: int = 0


def feed(config: ImageInput, workers: int = 0) -> Feed:
    """timm's `create_transform(is_training=False)` for what the network was published with."""
    return Feed(_made(config), described(config), training_transform(config, config.mean, config.std), workers)


def corrupted_feed(config: ImageInput, workers: int = 0) -> Feed:
    """For images that were cropped before they were corrupted: they are fed whole, and not resized where 224 fits."""
    whole = replace(config, crop_pct=1.0, crop_mode="squash")
    fits = tuple(config.size[1:]) == (CORRUPTED, CORRUPTED)
    shown = "no resize, no crop" if fits else _shown(whole)
    words = f"RGB (Pillow), {CORRUPTED}x{CORRUPTED} as published, {shown}, {_scaled(config)}"
    return Feed(_made(whole), words, training_transform(config, config.mean, config.std), workers)


def described(config: ImageInput) -> str:
    """The whole transform in words: decoding, resizing, cropping, scaling."""
    return f"RGB (Pillow), {_shown(config)}, {_scaled(config)}"


def _shown(config: ImageInput) -> str:
    resize = f"{_resized(config)} {config.interpolation} antialiased (Pillow)"
    crop = f"crop {config.crop_mode} {config.crop_pct:g}"
    return f"{resize}, {_cut(config)} {config.size[1]}x{config.size[2]} ({crop})"


def _resized(config: ImageInput) -> str:
    height, width = (math.floor(edge / config.crop_pct) for edge in config.size[1:])
    if config.crop_mode == "squash":
        return f"resize both edges to {height}x{width}"
    if config.crop_mode == "border":
        return f"resize to fit into {height}x{width}"
    return f"resize shortest edge to {height}" if height == width else f"resize to cover {height}x{width}"


def _cut(config: ImageInput) -> str:
    return "center crop or pad with the mean to" if config.crop_mode == "border" else "center crop"


def _scaled(config: ImageInput) -> str:
    return f"uint8/255, {standardised(config.mean, config.std)}"


def _made(config: ImageInput) -> Callable[[Image], Tensor]:
    from timm.data.transforms_factory import create_transform

    made: Callable[[Image], Tensor] = create_transform(
        config.size,
        is_training=False,
        interpolation=config.interpolation,
        mean=config.mean,
        std=config.std,
        crop_pct=config.crop_pct,
        crop_mode=config.crop_mode,
    )
    return made
