"""One's own images as NumPy arrays: a folder with train.npz and test.npz."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from harness.datasets.archives import npz_pool, npz_shapes, npz_targets
from harness.datasets.arrays import array_data
from harness.datasets.base import PARTS, Data, Dataset, datasets
from harness.datasets.pixels import Channels, Normalize
from harness.datasets.places import data_folder, fault, where
from harness.datasets.pools import Shape, channels_fed, check_labels
from harness.datasets.splits import Splits, sizes_of, takes
from harness.errors import DataError
from harness.schema import Label
from harness.tasks.base import Description
from harness.tasks.images import ImageInput

REQUIRED = ("train", "test")


@datasets.register("npz")
class Npz(Dataset):
    """Arrays in train.npz and test.npz (calibration.npz and validation.npz, or carved from train) of a folder.

    x is uint8 (n, h, w) or (n, h, w, c), y integer (n,). The classes are as many as the option says, else as the array
    `classes` of train.npz holds, else one more than its highest label.
    """

    has_path: ClassVar[bool] = True
    label: Label = Field(description="the folder is paths[label] of the site file")
    classes: int | None = Field(None, ge=2, description="outputs of the network, where the labels do not use them all")
    splits: Splits = {}
    normalize: Normalize = "data"
    channels: Channels = None

    def describe(self, paths: Mapping[str, Path]) -> Description:
        place = where(self.name, self.title)
        files = self._files(paths)
        shapes = {part: npz_shapes(path, f"{place}: {path.name}") for part, path in files.items()}
        targets = {part: npz_targets(path, f"{place}: {path.name}") for part, path in files.items()}
        named = shapes["train"].get("classes")
        classes = self.classes or (named.shape[0] if named is not None and named.shape else 0)
        classes = classes or max(2, int(targets["train"].max()) + 1)
        check_labels(targets, classes, place)
        sizes = sizes_of(takes({part: len(labels) for part, labels in targets.items()}, self.splits, place))
        channels = channels_fed(_channels(shapes["train"]["x"]), self.channels, place)
        return Description("classification", classes, channels, sizes=sizes)

    def load(self, paths: Mapping[str, Path], config: ImageInput, workers: int = 0) -> Data:  # the base asks for it
        place = where(self.name, self.title)
        description = self.describe(paths)
        pools = {part: npz_pool(path, f"{place}: {path.name}") for part, path in self._files(paths).items()}
        return array_data(pools, description, config, self.splits, self.normalize, place)

    def _files(self, paths: Mapping[str, Path]) -> dict[str, Path]:
        place = where(self.name, self.title)
        folder = data_folder(paths, self.title, place, "it holds train.npz and test.npz with arrays x and y")
        files = {part: folder / f"{part}.npz" for part in PARTS}
        absent = [files[part].name for part in REQUIRED if not files[part].is_file()]
        if absent:
            raise DataError([fault(f"{place}: {name}", "no such file in its folder") for name in absent])
        return {part: path for part, path in files.items() if path.is_file()}


def _channels(x: Shape) -> int:
    return x.shape[3] if len(x.shape) == 4 else 1
