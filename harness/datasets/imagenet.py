"""ImageNet-1k by timm's readers, with the test sets that were made for its networks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import ClassVar

from pydantic import Field, field_validator

from harness.datasets.base import Data, Dataset, datasets
from harness.datasets.carving import carve
from harness.datasets.imagenet_layouts import LAYOUTS, Reader, check_layout, listings
from harness.datasets.imagenet_sets import Beside, SetChoice, SetChoices, check_set, expanded, set_items
from harness.datasets.places import data_folder, fault, where
from harness.datasets.pools import check_labels
from harness.datasets.protocol import corrupted_feed, feed
from harness.datasets.reader_parts import Items, ReaderPart
from harness.datasets.splits import Splits, takes
from harness.datasets.synsets import CLASSES
from harness.errors import DataError, Problem
from harness.tasks.base import Description
from harness.tasks.images import ImageInput

CARVED = ("train", "calibration", "validation")


@datasets.register("imagenet")
class ImageNet(Dataset):
    """ImageNet-1k on disk, its official validation images as `test`; test sets ReaL, V2, A, R, Sketch and C beside it.

    train, calibration and validation are carved from the official train images. Classes are found by synset id, so
    whatever order a folder has, they are the outputs of timm's networks. The transform is timm's for evaluation, with
    the statistics that the network was published with. Images are decoded for a fingerprint or a batch of a part, and
    for no part that a trial doesn't use.
    """

    has_path: ClassVar[bool] = True
    reader: Reader = Field("folder", description="the layout on disk")
    splits: Splits = {}
    test_sets: SetChoices = ()

    @field_validator("test_sets")
    @classmethod
    def _are_once(cls, value: tuple[SetChoice, ...]) -> tuple[SetChoice, ...]:
        names = [one.name for one in expanded(value)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"a test set stands there twice: {', '.join(twice)}")
        return value

    def describe(self, paths: Mapping[str, Path]) -> Description:
        place = where(self.name, self.title)
        given = check_layout(data_folder(paths, self.title, place, LAYOUTS[self.reader]), self.reader, place)
        self._check_splits(given, place)
        sets = expanded(self.test_sets)
        problems = [problem for one in sets for problem in _problems(one, paths)]
        if problems:
            raise DataError(problems)
        return Description("classification", CLASSES, 3, test_sets=tuple(one.name for one in sets))

    def load(self, paths: Mapping[str, Path], config: ImageInput, workers: int = 0) -> Data:
        place = where(self.name, self.title)
        if config.size[0] != 3:
            raise DataError(fault(place, f"the images have 3 channels, the network wants {config.size[0]}"))
        description = self.describe(paths)
        found = listings(data_folder(paths, self.title, place, LAYOUTS[self.reader]), self.reader, place)
        self._check_splits(tuple(found), place)
        targets = {part: listing.targets for part, listing in found.items()}
        check_labels(targets, CLASSES, place)
        sizes = {part: len(listing) for part, listing in found.items()}
        items = {
            part: Items(found[at.source].source, at.indices, targets[at.source][at.indices])
            for part, at in carve(targets, takes(sizes, self.splits, place)).items()
        }
        own, corrupted = feed(config, workers), corrupted_feed(config, workers)
        parts = {part: ReaderPart(partial(_same, its), own, f"{place}: {part}") for part, its in items.items()}
        for one in expanded(self.test_sets):
            listed = partial(set_items, one, paths, items["test"])
            parts[one.part] = ReaderPart(listed, corrupted if one.kind == "c" else own, one.title)
        return Data(description, parts)

    def _check_splits(self, given: tuple[str, ...], place: str) -> None:
        """Nothing is cut from the official test set unless the study says so, nor where its copies are tested on."""
        unsaid = [part for part in CARVED if part not in self.splits]
        if given and "train" not in given and unsaid:
            message = f"there are no train images to carve {', '.join(unsaid)} from"
            raise DataError(fault(place, f"{message}; {LAYOUTS[self.reader]}, or say each of them in splits", "splits"))
        takers = [part for part in CARVED if part in self.splits and self._takes_test(part, given)]
        if takers and any(one.name == "c" for one in self.test_sets):
            message = f"{', '.join(takers)} would be of the validation images, whose corrupted copies are ImageNet-C"
            raise DataError(fault(place, f"{message}; take them from train, or leave c out", "splits"))

    def _takes_test(self, part: str, given: tuple[str, ...]) -> bool:
        share = self.splits[part]
        return share.source == "test" or bool(given and "train" not in given)


def _same(items: Items) -> Items:
    return items


def _problems(one: Beside, paths: Mapping[str, Path]) -> tuple[Problem, ...]:
    try:
        check_set(one, paths)
    except DataError as error:
        return error.problems
    return ()
