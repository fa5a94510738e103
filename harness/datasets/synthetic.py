"""Noise of any size with balanced labels, for costs and proofs where no data is at hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from pydantic import Field

from harness.datasets.arrays import array_data
from harness.datasets.base import PARTS, Data, Dataset, datasets
from harness.datasets.pixels import Normalize
from harness.datasets.places import where
from harness.datasets.pools import Pool, pool
from harness.datasets.splits import Splits, sizes_of, takes
from harness.tasks.base import Description
from harness.tasks.images import ImageInput


@datasets.register("synthetic")
class Synthetic(Dataset):
    """Pure noise with balanced labels: images say nothing about their class, so accuracy means nothing.

    Bytes are uniform on 0 to 255; label i of a part is i modulo the classes.
    """

    images: int = Field(32, ge=2, le=1_000_000, description="images of every part")
    classes: int = Field(10, ge=2, le=100_000, description="labels")
    size: int = Field(224, ge=4, le=4096, description="height and width in pixels")
    channels: int = Field(3, ge=1, le=4, description="of an image")
    seed: int = Field(0, ge=0, lt=2**32, description="of the noise")
    splits: Splits = {}
    normalize: Normalize = "data"

    def describe(self, paths: Mapping[str, Path]) -> Description:  # the base asks for it
        found = takes(dict.fromkeys(PARTS, self.images), self.splits, where(self.name, self.title))
        return Description("classification", self.classes, self.channels, is_synthetic=True, sizes=sizes_of(found))

    def load(self, paths: Mapping[str, Path], config: ImageInput, workers: int = 0) -> Data:  # the base asks for it
        place = where(self.name, self.title)
        pools = {part: self._noise(number, place) for number, part in enumerate(PARTS)}
        return array_data(pools, self.describe(paths), config, self.splits, self.normalize, place)

    def _noise(self, number: int, place: str) -> Pool:
        shape = (self.images, self.size, self.size, self.channels)
        # RandomState, because its stream is frozen for ever.
        values = np.frombuffer(np.random.RandomState([self.seed, number]).bytes(int(np.prod(shape))), dtype=np.uint8)
        return pool(values.reshape(shape), np.arange(self.images) % self.classes, place)
