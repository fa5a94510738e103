"""Corruptions that leave an image's label as it is, each in five severities, drawn from a generator that is given."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from harness.datasets import blurring

if TYPE_CHECKING:
    from PIL.Image import Resampling

Floats = NDArray[np.float64]
Change = Callable[[Floats, float, np.random.Generator], Floats]
SEVERITIES = (1, 2, 3, 4, 5)
OCTAVES = (2, 4, 8)  # points along a side of the random grids that fog is made of


@dataclass(frozen=True)
class Corruption:
    """A change of pixels (channels, height, width) in 0 to 1, nothing at strength 0; one strength for each severity."""

    change: Change
    strengths: tuple[float, float, float, float, float]

    def __call__(self, pixels: Floats, severity: int, chance: np.random.Generator) -> Floats:
        """Other pixels in 0 to 1; those that are given stay as they are."""
        return np.clip(self.change(pixels, self.strengths[severity - 1], chance), 0.0, 1.0)


def _gaussian_noise(pixels: Floats, sigma: float, chance: np.random.Generator) -> Floats:
    return pixels + sigma * chance.standard_normal(pixels.shape)


def _shot_noise(pixels: Floats, grain: float, chance: np.random.Generator) -> Floats:
    """Photons counted: white is 1 / grain of them on average."""
    return np.asarray(chance.poisson(pixels / grain) * grain, dtype=np.float64) if grain else pixels


def _impulse_noise(pixels: Floats, share: float, chance: np.random.Generator) -> Floats:
    """A share of all values becomes 0 or 1; those hit at one severity are hit at every higher one."""
    hit, salt = chance.random(pixels.shape) < share, chance.random(pixels.shape) < 0.5
    return np.where(hit, salt.astype(np.float64), pixels)


def _gaussian_blur(pixels: Floats, width: float, _: np.random.Generator) -> Floats:
    return blurring.filtered(pixels, blurring.gaussian(width * _root(pixels)))


def _defocus_blur(pixels: Floats, width: float, _: np.random.Generator) -> Floats:
    return blurring.filtered(pixels, blurring.disk(width * _root(pixels)))


def _motion_blur(pixels: Floats, width: float, chance: np.random.Generator) -> Floats:
    return blurring.filtered(pixels, blurring.line(width * _root(pixels), chance.uniform(0, math.pi)))


def _brightness(pixels: Floats, more: float, _: np.random.Generator) -> Floats:
    return pixels + more


def _contrast(pixels: Floats, lost: float, _: np.random.Generator) -> Floats:
    """Values move towards the mean of their channel."""
    mean: Floats = pixels.mean(axis=(1, 2), keepdims=True)
    return pixels + lost * (mean - pixels)


def _fog(pixels: Floats, share: float, chance: np.random.Generator) -> Floats:
    """A bright veil of uneven thickness, the same in all channels: random grids, the finer the lighter."""
    height, width = pixels.shape[1:]
    grids = [_resized(chance.random((points, points)), (height, width), "BILINEAR") for points in OCTAVES]
    weights = [2.0**-octave for octave in range(len(OCTAVES))]
    veil = sum(weight * grid for weight, grid in zip(weights, grids, strict=True)) / sum(weights)
    return pixels + share * (0.5 + veil / 2 - pixels)


def _pixelate(pixels: Floats, more: float, _: np.random.Generator) -> Floats:
    """Averaged down to a whole number of larger cells, each then shown as one colour."""
    height, width = pixels.shape[1:]
    cell = 1 + more * _root(pixels)
    small = (max(1, round(height / cell)), max(1, round(width / cell)))
    return np.stack([_resized(_resized(one, small, "BOX"), (height, width), "NEAREST") for one in pixels])


def _jpeg(pixels: Floats, loss: float, _: np.random.Generator) -> Floats:
    """Written at quality 100 - loss and read back: in colour with three channels, else each channel by itself."""
    values = np.rint(pixels * 255).astype(np.uint8)
    planes = [values.transpose(1, 2, 0)] if len(values) == 3 else list(values)
    read = [_compressed(plane, round(100 - loss)) for plane in planes]
    return (read[0].transpose(2, 0, 1) if len(values) == 3 else np.stack(read)) / 255


def _compressed(plane: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    from PIL import Image

    written = io.BytesIO()
    Image.fromarray(plane).save(written, format="JPEG", quality=quality)
    return np.asarray(Image.open(written))


def _resized(plane: Floats, size: tuple[int, int], how: Literal["BOX", "NEAREST", "BILINEAR"]) -> Floats:
    """(height, width) at another size, in single precision."""
    from PIL import Image

    if plane.shape == size:
        return plane
    method: Resampling = Image.Resampling[how]
    found = Image.fromarray(plane.astype(np.float32)).resize(size[::-1], method)
    return np.asarray(found, dtype=np.float64)


def _root(pixels: Floats) -> float:
    """What widths are multiples of: in pixels, a blur made for 224 would blot out 8; as a share, do nothing to it."""
    return math.sqrt(min(pixels.shape[1:]))


# Kinds after Hendrycks and Dietterich 2019 (arXiv 1903.12261), strengths our own: theirs are for 224 pixels in colour.
# Of those that are called imagenet_c the strengths are theirs too, from their code (GitHub hendrycks/robustness,
# ImageNet-C/create_c/make_imagenet_c.py); shot noise is given there by the photons of white: 60, 25, 12, 5, 3.
CORRUPTIONS: dict[str, Corruption] = {
    "gaussian_noise": Corruption(_gaussian_noise, (0.05, 0.1, 0.15, 0.2, 0.3)),
    "shot_noise": Corruption(_shot_noise, (0.01, 0.02, 0.05, 0.1, 0.2)),
    "impulse_noise": Corruption(_impulse_noise, (0.02, 0.05, 0.1, 0.15, 0.25)),
    "gaussian_blur": Corruption(_gaussian_blur, (0.08, 0.12, 0.17, 0.23, 0.3)),
    "defocus_blur": Corruption(_defocus_blur, (0.2, 0.26, 0.32, 0.38, 0.46)),
    "motion_blur": Corruption(_motion_blur, (0.4, 0.55, 0.7, 0.85, 1.05)),
    "brightness": Corruption(_brightness, (0.1, 0.2, 0.3, 0.4, 0.5)),
    "contrast": Corruption(_contrast, (0.3, 0.5, 0.65, 0.8, 0.9)),
    "fog": Corruption(_fog, (0.2, 0.3, 0.4, 0.5, 0.6)),
    "pixelate": Corruption(_pixelate, (0.05, 0.1, 0.17, 0.25, 0.35)),
    "jpeg": Corruption(_jpeg, (60, 75, 85, 90, 93)),
    "imagenet_c_gaussian_noise": Corruption(_gaussian_noise, (0.08, 0.12, 0.18, 0.26, 0.38)),
    "imagenet_c_impulse_noise": Corruption(_impulse_noise, (0.03, 0.06, 0.09, 0.17, 0.27)),
    "imagenet_c_shot_noise": Corruption(_shot_noise, (1 / 60, 1 / 25, 1 / 12, 1 / 5, 1 / 3)),
}
