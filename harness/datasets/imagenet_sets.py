"""Test sets beside the official one of ImageNet: which there are, where they lie, and which answers they accept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, get_args

import numpy as np
from pydantic import BeforeValidator, Field, field_validator, model_serializer

from harness.datasets.encoded import official_number
from harness.datasets.places import data_folder, fault
from harness.datasets.reader_parts import Items
from harness.datasets.readers import class_folders, folder_listing
from harness.datasets.synsets import (
    CLASSES,
    Subset,
    check_names,
    outputs_of,
    read_real_labels,
    shipped_real_labels,
)
from harness.errors import DataError, unknown
from harness.schema import Json, OneOrMany, Schema

Kind: TypeAlias = Literal["real", "v2", "a", "r", "sketch", "c"]
# Hendrycks and Dietterich 2019 (arXiv 1903.12261): the fifteen of the benchmark, then the four for validation.
CORRUPTIONS = (
    "gaussian_noise", "shot_noise", "impulse_noise", "defocus_blur", "glass_blur", "motion_blur", "zoom_blur", "snow",
    "frost", "fog", "brightness", "contrast", "elastic_transform", "pixelate", "jpeg_compression",
)  # fmt: skip
EXTRA = ("speckle_noise", "gaussian_blur", "spatter", "saturate")
SEVERITIES = (1, 2, 3, 4, 5)
SUBSETS: dict[str, Subset] = {"a": "imagenet_a", "r": "imagenet_r"}
REAL = "real.json"
ADVICE = {
    "v2": "it holds folders 0 to 999, class indices, or synset ids",
    "a": "it holds the 200 synset ids of ImageNet-A as folders",
    "r": "it holds the 200 synset ids of ImageNet-R as folders",
    "sketch": "it holds the 1,000 synset ids as folders",
    "c": "it holds CORRUPTION/SEVERITY/SYNSET folders, as gaussian_noise/3/n01440764",
}


class SetChoice(Schema):
    """A test set by name; of ImageNet-C which corruptions at which severities, the whole benchmark where not said."""

    name: Kind = Field(description="the test set")
    corruptions: Annotated[tuple[str, ...], OneOrMany] = Field(CORRUPTIONS, min_length=1, description="of ImageNet-C")
    severities: Annotated[tuple[Annotated[int, Field(ge=1, le=5)], ...], OneOrMany] = Field(
        SEVERITIES, min_length=1, description="of its five"
    )

    @field_validator("corruptions")
    @classmethod
    def _are_known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        known = (*CORRUPTIONS, *EXTRA)
        strange = [name for name in value if name not in known]
        if strange:
            raise ValueError(str(unknown("corruption", strange[0], known)))
        return value

    @model_serializer
    def _as_written(self) -> Json:
        given: dict[str, Json] = {}
        if self.corruptions != CORRUPTIONS:
            given["corruptions"] = list(self.corruptions)
        if self.severities != SEVERITIES:
            given["severities"] = list(self.severities)
        return {"name": self.name, **given} if given else self.name


def _choices(value: Any) -> Any:
    listed = value if isinstance(value, list | tuple) else [value]
    found = [{"name": item} if isinstance(item, str) else item for item in listed]
    for item in found:
        if isinstance(item, Mapping) and item.get("name") not in get_args(Kind):
            raise ValueError(str(unknown("test set", str(item.get("name")), get_args(Kind))))
        if isinstance(item, Mapping) and item["name"] != "c" and len(item) > 1:
            raise ValueError(f"{item['name']} takes no options; corruptions and severities are of c")
    return found


SetChoices: TypeAlias = Annotated[
    tuple[SetChoice, ...],
    BeforeValidator(_choices),
    Field(description="real, v2, a, r, sketch, c or {name: c, corruptions: [...], severities: [...]}"),
]


@dataclass(frozen=True)
class Beside:
    """One test set; `below` is its folder within `paths[imagenet_KIND]`."""

    name: str
    kind: Kind
    below: str = ""

    @property
    def part(self) -> str:
        """What its part is called."""
        return f"test:{self.name}"

    @property
    def title(self) -> str:
        """The label of its folder in a site file."""
        return f"imagenet_{self.kind}"

    def folder(self, paths: Mapping[str, Path]) -> Path:
        """Where its class folders are; raises DataError where they are not."""
        root = data_folder(paths, self.title, self.title, ADVICE[self.kind])
        if not (root / self.below).is_dir():
            raise DataError(fault(f"{self.title}: {self.below}", f"no such folder; {ADVICE[self.kind]}"))
        return root / self.below


def expanded(choices: Sequence[SetChoice]) -> tuple[Beside, ...]:
    """Every test set by itself: each corruption at each severity is one, `c_gaussian_noise_3`."""
    return tuple(one for choice in choices for one in _expanded(choice))


def _expanded(choice: SetChoice) -> Iterator[Beside]:
    if choice.name != "c":
        yield Beside(choice.name, choice.name)
        return
    for corruption in choice.corruptions:
        for severity in choice.severities:
            yield Beside(f"c_{corruption}_{severity}", "c", f"{corruption}/{severity}")


def check_set(one: Beside, paths: Mapping[str, Path]) -> None:
    """Raises DataError where the folder or the labels of a test set are absent, or its classes are not ImageNet's."""
    if one.kind == "real":
        _real_labels(paths)
        return
    home = one.folder(paths)
    names = class_folders(home)
    place = ": ".join(word for word in (one.title, one.below) if word)
    if not names:
        raise DataError(fault(place, f"its folder holds no class folders; {ADVICE[one.kind]}"))
    check_names(names, SUBSETS.get(one.kind, "imagenet"), place, one.kind == "v2")


def set_items(one: Beside, paths: Mapping[str, Path], test: Items) -> Items:
    """The images of a test set with their answers; `test` is the official one, whose images ReaL labels anew."""
    if one.kind == "real":
        return relabelled(test, _real_labels(paths))
    subset = SUBSETS.get(one.kind, "imagenet")
    found = folder_listing(one.folder(paths), f"{one.title} {one.below}".strip(), subset, one.kind == "v2")
    outputs = None if subset == "imagenet" else outputs_of(subset)
    return Items(found.source, np.arange(len(found), dtype=np.int64), found.targets, outputs=outputs)


def relabelled(test: Items, labels: Sequence[Sequence[int]]) -> Items:
    """The validation images that have ReaL labels, in their order, any label of an image being right."""
    numbers = [official_number(test.source.name(index)) for index in test.indices.tolist()]
    strange = sum(number is None or number > len(labels) for number in numbers)
    if strange:
        message = (
            f"{strange:,} of the {len(numbers):,} validation images have no official name "
            f"(ILSVRC2012_val_00000001) of the {len(labels):,} that are labelled; ReaL labels images by that number"
        )
        raise DataError(fault("imagenet_real", message))
    accepted = np.zeros((len(numbers), CLASSES), dtype=np.bool_)
    for row, number in enumerate(numbers):
        accepted[row, list(labels[(number or 0) - 1])] = True
    kept = accepted.any(axis=1)
    if not kept.any():
        raise DataError(fault("imagenet_real", "none of the validation images has a label"))
    return replace(test, indices=test.indices[kept], targets=test.targets[kept], accepted=accepted[kept])


def _real_labels(paths: Mapping[str, Path]) -> tuple[tuple[int, ...], ...]:
    if "imagenet_real" not in paths:
        return shipped_real_labels()
    folder = data_folder(paths, "imagenet_real", "imagenet_real", f"it holds {REAL}; without it timm's copy is used")
    return read_real_labels(folder / REAL, f"imagenet_real: {REAL}")
