"""What every data set must give: a description without loading, then four disjoint parts with fingerprints."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from harness.errors import DataError
from harness.pretrained import Published
from harness.records import PartInfo
from harness.registry import Registry
from harness.schema import Label, Plugin
from harness.tasks.base import Batch, Description, InputConfig, OwnInput

PARTS = ("train", "calibration", "validation", "test")


class Part(ABC):
    """Items of one part, in a fixed order.

    `outputs` are the outputs of the network among which the answer is looked for, in the order of this part's targets;
    None is all of them. `most` is how many items a forward pass may hold where they are large; None is as many as
    there are.
    """

    info: PartInfo
    outputs: tuple[int, ...] | None = None
    most: int | None = None
    is_known: bool = True  # its fingerprint costs no look at every item

    @abstractmethod
    def batches(self, size: int, shuffle: int | None = None) -> Iterator[Batch]:
        """Batches on the CPU, the last one as short as it comes; `shuffle` is a seed, None keeps the order.

        Shuffled, items come as `batch_indices` (harness/datasets/arrays.py) numbers them: label noise goes by number.
        """

    def augmented(self, size: int, shuffle: int, augment: str) -> Iterator[Batch]:
        """The batches of `shuffle`, randomly changed as `augment` says; the seed is the same, so is the change."""
        raise DataError(f"items of this kind cannot be augmented; 'augment: {augment}' is for images")

    def fed_as(self, config: InputConfig) -> InputConfig:
        """How items were really made ready for a network that wants `config`."""
        return config

    def at_once(self, size: int) -> int:
        """How many items a forward pass takes where `size` are asked for."""
        return size if self.most is None else min(size, self.most)

    def __len__(self) -> int:
        return self.info.items


@dataclass(frozen=True)
class Data:
    """The parts of a data set, transformed for one network."""

    description: Description
    parts: Mapping[str, Part]

    def info(self) -> dict[str, PartInfo]:
        """Fingerprints by part."""
        return {name: part.info for name, part in self.parts.items()}

    def used(self) -> dict[str, PartInfo]:
        """Fingerprints of the parts that were read, or that cost no look at every item."""
        return {name: part.info for name, part in self.parts.items() if part.is_known}


class Dataset(Plugin):
    """Labelled items by name; `paths` maps the labels of a site file to folders."""

    has_path: ClassVar[bool] = False  # reads `paths[label or name]`
    label: Label | None = None

    @property
    def title(self) -> str:
        """The word for tables: the label, else the name."""
        return self.label or self.name

    @abstractmethod
    def describe(self, paths: Mapping[str, Path]) -> Description:
        """Sizes only, without torch and without decoding; raises DataError when the data is not there."""

    def is_here(self, paths: Mapping[str, Path]) -> bool:
        """Whether nothing is left to fetch."""
        try:
            self.describe(paths)
        except DataError:
            return False
        return True

    def tokenizer_file(self, paths: Mapping[str, Path]) -> Path | None:
        """The tokenizer.json of a text; None where there is none: for bytes, and for what is no text."""
        return None

    def fetch(self, paths: Mapping[str, Path]) -> None:  # most data sets have nothing to fetch
        """Brings absent files into their folder, where the study asks for that; the launcher calls it once."""

    def on_hub(self) -> tuple[Published, ...]:
        """Files of a hub that are read from its client's cache; `harness fetch` alone brings them."""
        return ()

    @abstractmethod
    def load(self, paths: Mapping[str, Path], config: OwnInput, workers: int = 0) -> Data:
        """All parts, ready for a network that wants `config`; raises DataError when something is damaged."""


datasets: Registry[Dataset] = Registry("data set", "harness.datasets")
