"""scikit-learn's handwritten digits: 1,797 grey images of 8x8, ten classes, no files needed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from harness.datasets.arrays import array_data
from harness.datasets.base import PARTS, Data, Dataset, datasets
from harness.datasets.carving import carve
from harness.datasets.pixels import Channels, Normalize
from harness.datasets.places import where
from harness.datasets.pools import Pool, channels_fed, pool
from harness.datasets.splits import Splits, Take, sizes_of, takes
from harness.tasks.base import Description
from harness.tasks.images import ImageInput

SIZES = {"train": 1000, "calibration": 150, "validation": 150, "test": 497}


@datasets.register("digits")
class Digits(Dataset):
    """Handwritten digits of scikit-learn: 1,797 grey images of 8x8, ten classes; no files needed.

    Source: E. Alpaydin, C. Kaynak (1998), UCI Machine Learning Repository. Values 0 to 16 become round(255 v / 16).
    Its four parts are fixed by a stratified permutation; `splits` takes from them.
    """

    needs: ClassVar[tuple[str, ...]] = ("sklearn.datasets",)
    splits: Splits = {}
    normalize: Normalize = "data"
    channels: Channels = None

    def describe(self, paths: Mapping[str, Path]) -> Description:  # the base asks for it
        place = where(self.name, self.title)
        sizes = sizes_of(takes(SIZES, self.splits, place))
        return Description("classification", 10, channels_fed(1, self.channels, place), sizes=sizes)

    def load(self, paths: Mapping[str, Path], config: ImageInput, workers: int = 0) -> Data:  # the base asks for it
        place = where(self.name, self.title)
        return array_data(_given(place), self.describe(paths), config, self.splits, self.normalize, place)


def _given(place: str) -> dict[str, Pool]:
    from sklearn.datasets import load_digits

    found = load_digits()
    whole = pool(np.rint(found.images * (255 / 16)).astype(np.uint8), found.target, place)
    carved = carve({"all": whole.targets}, {part: Take("all", SIZES[part]) for part in PARTS})
    return {part: Pool(whole.images[at.indices], whole.targets[at.indices]) for part, at in carved.items()}
