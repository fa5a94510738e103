"""What a folder of images holds: its part folders, their class folders, and the files in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.datasets.base import PARTS
from harness.datasets.images import SUFFIXES
from harness.datasets.places import fault
from harness.datasets.splits import HOMES
from harness.errors import DataError

LAYOUT = "it holds train/CLASS/*.png, test/CLASS/*.png and the like, or CLASS/*.png alone"
ALIASES = {"val": "validation"} | {part: part for part in PARTS}


def given_parts(root: Path, place: str) -> dict[str, Path]:
    """Part folders by the name of the part; a folder of classes alone is all of it `train`. Raises DataError."""
    folders = _folders(root)
    named = [folder for folder in folders if folder.name in ALIASES]
    if not folders:
        raise DataError(fault(place, f"its folder holds no folders; {LAYOUT}"))
    if not named:
        return {"train": root}
    if len(named) < len(folders):
        others = ", ".join(folder.name for folder in folders if folder not in named)
        message = f"its folder holds parts ({', '.join(f.name for f in named)}) beside others ({others}); {LAYOUT}"
        raise DataError(fault(place, message))
    parts = {ALIASES[folder.name]: folder for folder in named}
    if len(parts) < len(named):
        raise DataError(fault(place, "its folder holds both val and validation; they are the same part"))
    return {part: parts[part] for part in PARTS if part in parts}


def class_names(parts: Mapping[str, Path], place: str) -> tuple[str, ...]:
    """Sorted names of the classes, as train has them, or the part that stands in for it; raises DataError."""
    home = next(part for part in HOMES if part in parts)
    names = {part: {folder.name for folder in _folders(path)} for part, path in parts.items()}
    for part, found in names.items():
        strange = sorted(found - names[home])
        if strange:
            raise DataError(
                fault(f"{place}: {parts[part].name}", f"has classes that {home} lacks: {', '.join(strange)}")
            )
    if len(names[home]) < 2:
        message = f"{home} has {len(names[home])} class folders; at least two are needed; {LAYOUT}"
        raise DataError(fault(place, message))
    return tuple(sorted(names[home]))


def image_files(home: Path, classes: Sequence[str]) -> tuple[tuple[Path, ...], NDArray[np.int64]]:
    """Image files by class and name, with their class indices; other files are passed over."""
    files, targets = [], []
    for index, name in enumerate(classes):
        folder = home / name
        found = sorted(path for path in folder.iterdir() if _is_image(path)) if folder.is_dir() else []
        files += found
        targets += [index] * len(found)
    return tuple(files), np.array(targets, dtype=np.int64)


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
