"""The thousand classes of ImageNet-1k as timm's networks number them: by synset id, sorted."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Literal

from harness.datasets.places import fault
from harness.errors import DataError

Subset = Literal["imagenet", "imagenet_a", "imagenet_r"]
CLASSES = 1000
SHOWN = 5  # names that a message lists


@cache
def synsets(subset: Subset = "imagenet") -> tuple[str, ...]:
    """Synset ids of a set of classes in the order of the network's outputs, from the lists that timm ships."""
    return tuple((_lists() / f"{subset}_synsets.txt").read_text(encoding="utf-8").split())


@cache
def class_index(subset: Subset = "imagenet") -> dict[str, int]:
    """Class index within the subset by synset id."""
    return {synset: index for index, synset in enumerate(synsets(subset))}


@cache
def outputs_of(subset: Subset) -> tuple[int, ...]:
    """Outputs of a network of 1,000 classes that stand for the subset's, in its order."""
    return tuple(class_index()[synset] for synset in synsets(subset))


@cache
def words() -> tuple[str, ...]:
    """What timm calls each class, `tench, Tinca tinca`, in the order of the outputs."""
    lines = (_lists() / "imagenet_synset_to_lemma.txt").read_text(encoding="utf-8").splitlines()
    found = dict(line.split("\t", 1) for line in lines)
    return tuple(found[synset] for synset in synsets())


@cache
def shipped_real_labels() -> tuple[tuple[int, ...], ...]:
    """ReaL labels (Beyer et al. 2020, arXiv 2006.07159) of the 50,000 validation images, by their official number."""
    return read_real_labels(_lists() / "imagenet_real_labels.json", "timm's ReaL labels")


def read_real_labels(path: Path, place: str) -> tuple[tuple[int, ...], ...]:
    """A JSON list with the accepted class indices of each validation image, in official order; raises DataError."""
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(fault(place, f"cannot be read as JSON ({type(error).__name__})")) from None
    if not isinstance(given, list) or not all(isinstance(labels, list) for labels in given):
        raise DataError(fault(place, "must be a list of lists, the accepted class indices of each validation image"))
    if not all(type(label) is int and 0 <= label < CLASSES for labels in given for label in labels):
        raise DataError(fault(place, f"holds labels that are no class indices; must be 0 to {CLASSES - 1}"))
    return tuple(tuple(labels) for labels in given)


def check_names(names: Iterable[str], subset: Subset, place: str, numbered: bool = False) -> None:
    """Raises DataError where names are no synset ids of the subset; `numbered` allows class indices in their place."""
    known = class_index(subset)
    strange = sorted(name for name in names if name not in known and not (numbered and is_index(name)))
    if strange:
        listed = ", ".join(repr(name) for name in strange[:SHOWN]) + (", ..." if len(strange) > SHOWN else "")
        right = f"synset ids as {synsets(subset)[0]}" + (" or class indices 0 to 999" if numbered else "")
        of = "ImageNet-1k" if subset == "imagenet" else f"the {len(known)} of {subset}"
        message = f"holds {len(strange):,} classes that are not of {of}: {listed}; would be right: {right}"
        raise DataError(fault(place, message))


def is_index(name: str) -> bool:
    """Whether the name of a class is its index, as in ImageNet-V2."""
    return name.isascii() and name.isdigit() and int(name) < CLASSES


def _lists() -> Path:
    # Found without importing timm, which would load torch.
    spec = importlib.util.find_spec("timm")
    if spec is None or not spec.submodule_search_locations:
        raise DataError("timm is not installed; the classes of ImageNet are read from it")
    return Path(spec.submodule_search_locations[0]) / "data" / "_info"
