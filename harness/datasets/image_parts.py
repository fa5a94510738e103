"""What all parts of images have: what they were standardised with."""

from __future__ import annotations

from dataclasses import replace

from harness.datasets.base import Part
from harness.tasks.base import OwnInput
from harness.tasks.images import ImageInput


class ImagePart(Part):
    """`mean` and `std` are what images were standardised with, by channel.

    None is what the network was published with.
    """

    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    def fed_as(self, config: OwnInput) -> ImageInput:
        wanted: ImageInput = config
        return replace(wanted, mean=self.mean or wanted.mean, std=self.std or wanted.std)
