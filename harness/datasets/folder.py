"""One's own images as files: a folder of parts, each a folder of classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.datasets.augment import training_transform
from harness.datasets.base import Data, Dataset, datasets
from harness.datasets.carving import carve
from harness.datasets.fingerprints import check_overlap, part_sha256
from harness.datasets.images import FilePart, Files, Prepared, Seen, looked_through
from harness.datasets.pixels import Normalize, moments, standardised
from harness.datasets.places import data_folder, fault, where
from harness.datasets.pools import check_labels
from harness.datasets.splits import Splits, takes
from harness.datasets.trees import LAYOUT, class_names, given_parts, image_files
from harness.errors import DataError
from harness.records import PartInfo
from harness.schema import Label
from harness.tasks.base import Description
from harness.tasks.images import ImageInput


@dataclass(frozen=True)
class Chosen:
    """Files of one part with their class indices, and what one look at them said."""

    source: str
    files: tuple[Path, ...]
    targets: NDArray[np.int64]
    seen: tuple[Seen, ...]


@datasets.register("folder")
class Folder(Dataset):
    """Image files PART/CLASS/*.png (jpg, jpeg, webp, bmp) of a folder; parts train, val, test, calibration.

    Missing parts are carved from those that are there; a folder of classes alone is carved into four. Class indices
    follow the sorted names. Every part gets timm's evaluation transform; a training that augments draws by each file's
    own number. Each file of a part is decoded once when the data is loaded, so a part that a study does not need is
    best kept small with `splits`.
    """

    has_path: ClassVar[bool] = True
    label: Label = Field(description="the folder is paths[label] of the site file")
    splits: Splits = {}
    normalize: Normalize = "model"

    def describe(self, paths: Mapping[str, Path]) -> Description:
        place = where(self.name, self.title)
        parts = given_parts(data_folder(paths, self.title, place, LAYOUT), place)
        return Description("classification", len(class_names(parts, place)), 3)

    def load(self, paths: Mapping[str, Path], config: ImageInput, workers: int = 0) -> Data:
        place = where(self.name, self.title)
        if config.size[0] != 3:
            raise DataError(fault(place, f"the images have 3 channels, the network wants {config.size[0]}"))
        root = data_folder(paths, self.title, place, LAYOUT)
        chosen = self._chosen(root, workers)
        seen_by_source: dict[str, list[bytes]] = {}
        for part in chosen.values():
            seen_by_source.setdefault(part.source, []).extend(seen.digest for seen in part.seen)
        check_overlap(seen_by_source, place)
        mean, std = (config.mean, config.std) if self.normalize == "model" else _statistics(chosen["train"].seen)
        turn, transform = _transform(config, mean, std)
        training = Prepared(training_transform(config, mean, std))
        parts = {}
        for name, part in chosen.items():
            sha256 = part_sha256([seen.digest for seen in part.seen], part.targets)
            info = PartInfo(items=len(part.files), sha256=sha256, transform=transform)
            parts[name] = FilePart(Files(part.files, turn), part.targets, info, workers, training)
            parts[name].mean, parts[name].std = mean, std
        return Data(self.describe(paths), parts)

    def _chosen(self, root: Path, workers: int) -> dict[str, Chosen]:
        """The four parts, every file of them decoded once; raises DataError for the damaged ones."""
        place = where(self.name, self.title)
        given = given_parts(root, place)
        listed = {part: image_files(home, class_names(given, place)) for part, home in given.items()}
        empty = [part for part, (files, _) in listed.items() if not files]
        if empty:
            raise DataError(
                [fault(f"{place}: {given[part].name}", "holds no images in class folders") for part in empty]
            )
        targets = {part: labels for part, (_, labels) in listed.items()}
        check_labels(targets, len(class_names(given, place)), place)
        found = takes({part: len(labels) for part, labels in targets.items()}, self.splits, place)
        chosen = {}
        for part, at in carve(targets, found).items():
            files = tuple(listed[at.source][0][index] for index in at.indices)
            seen = looked_through(files, workers)
            _check_decoded(root, files, seen, place)
            chosen[part] = Chosen(at.source, files, targets[at.source][at.indices], tuple(seen))
        return chosen


def _check_decoded(root: Path, files: Sequence[Path], seen: Sequence[Seen], place: str) -> None:
    problems = [
        fault(f"{place}: {path.relative_to(root).as_posix()}", f"cannot be decoded as an image ({look.failure})")
        for path, look in zip(files, seen, strict=True)
        if look.failure
    ]
    if problems:
        raise DataError(problems)


def _statistics(seen: Sequence[Seen]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    sums = [sum(column) for column in zip(*(look.sums for look in seen), strict=True)]
    squares = [sum(column) for column in zip(*(look.squares for look in seen), strict=True)]
    return moments(sums, squares, sum(look.pixels for look in seen))


def _transform(config: ImageInput, mean: tuple[float, ...], std: tuple[float, ...]) -> tuple[Prepared, str]:
    from timm.data.transforms_factory import create_transform

    made = create_transform(
        config.size,
        is_training=False,
        interpolation=config.interpolation,
        mean=mean,
        std=std,
        crop_pct=config.crop_pct,
        crop_mode=config.crop_mode,
    )
    size = f"{config.size[1]}x{config.size[2]}"
    words = f"RGB, timm evaluation to {size} {config.interpolation}, crop {config.crop_mode} {config.crop_pct:g}"
    return Prepared(made), f"{words}, uint8/255, {standardised(mean, std)}"
