"""What timm's readers find: images and their class indices, from a folder, tar files, or a Hugging Face data set."""

from __future__ import annotations

import importlib
import os
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.datasets.encoded import Listing, Stretch, Stretches, listing
from harness.datasets.places import fault
from harness.datasets.synsets import CLASSES, Subset, check_names, class_index, words
from harness.errors import DataError

if TYPE_CHECKING:
    from timm.data.readers.reader import Reader

UNREADABLE = (OSError, RuntimeError, AssertionError, ValueError, EOFError, tarfile.TarError)
FLAT = "images stand outside class folders; sort them into folders that are called by their synset ids"


def class_folders(home: Path) -> list[str]:
    """Names of the folders in a folder, but hidden ones."""
    with os.scandir(home) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))


def folder_listing(home: Path, place: str, subset: Subset = "imagenet", numbered: bool = False) -> Listing:
    """Images home/CLASS/*.JPEG (jpg, png); `numbered` allows class indices as names. Raises DataError."""
    from timm.data.readers.reader_factory import create_reader

    reader = _made(lambda: create_reader("", str(home)), place, "no images in class folders")
    files = [Path(path).relative_to(home).as_posix() for path, _ in reader.samples]
    source = Stretches(home, [Stretch(file, file) for file in files])
    classes = indices(reader.class_to_idx, place, subset, numbered)
    return listing(source, [classes[target] for _, target in reader.samples])


def tar_listing(home: Path, place: str) -> Listing:
    """Images of a tar file of class folders or of class tars, or of a folder of class tars. Raises DataError."""
    from timm.data.readers.reader_image_in_tar import ReaderImageInTar

    untyped: Any = ReaderImageInTar
    # Its index of large tars is a pickle beside them: never read, never written.
    reader = _made(lambda: untyped(str(home), cache_tarinfo=False), place, "no tar files with images of classes")
    is_file = home.is_file()
    found = []
    for member, archive, child in reader.samples:
        # Of a tar within a tar the positions count from the inner one's first byte.
        start = member.offset_data + (child.offset_data if child is not None else 0)
        file = home.name if is_file else archive
        inner = [] if child is None else [child.name]
        found.append(Stretch(file, "/".join([file, *inner, member.path]), start, member.size))
    classes = indices(reader.class_name_to_idx, place)
    return listing(Stretches(home.parent if is_file else home, found), [classes[int(t)] for t in reader.targets])


def hub_splits(home: Path, place: str) -> Sequence[str]:
    """Names of the splits of a Hugging Face data set that lies in a folder; raises DataError."""
    hub: Any = importlib.import_module("datasets")
    splits: Sequence[str] = _made(lambda: hub.get_dataset_split_names(str(home)), place, "no data set")
    return splits


def hub_listing(home: Path, split: str, place: str) -> Listing:
    """Images of one split of a Hugging Face data set that lies in a folder. Raises DataError."""
    from timm.data.readers.reader_factory import create_reader

    reader = _made(lambda: create_reader(f"hfds/{home}", split=split), place, f"no split {split!r}")
    classes = _hub_indices(reader.class_to_idx, place)
    targets = [int(target) for target in reader.dataset[reader.label_key]]
    found = [classes.get(target, target) for target in targets]
    check_targets(found, place)
    return listing(Rows(reader, _hub_names(reader)), found)


def _hub_names(reader: Any) -> tuple[str, ...]:
    """File names without the images themselves, which would be the whole data set."""
    chunks = reader.dataset.data.column(reader.image_key).chunks
    return tuple(Path(name or "").name for chunk in chunks for name in chunk.field("path").to_pylist())


@dataclass(frozen=True)
class Rows:
    """Images of timm's reader of a Hugging Face data set."""

    reader: Reader
    names: Sequence[str]

    def name(self, index: int) -> str:
        return self.names[index] or f"row {index:,}"

    def read(self, index: int) -> bytes:
        file, _ = self.reader[index]  # type: ignore[index]  # timm's base class does not say that it can be indexed
        with file:
            found: bytes = file.read()
            return found


def indices(
    given: Mapping[str, int], place: str, subset: Subset = "imagenet", numbered: bool = False
) -> dict[int, int]:
    """Class indices by the number that a reader gave to a class; raises DataError on a name that is no class."""
    if "" in given or "." in given:
        raise DataError(fault(place, FLAT))
    check_names(given, subset, place, numbered)
    known = class_index(subset)
    return {number: known[name] if name in known else int(name) for name, number in given.items()}


def _hub_indices(given: Mapping[str, int], place: str) -> dict[int, int]:
    """Such data sets name classes by words or not at all: then their own numbers must be the outputs'."""
    if not given or any(name in class_index() for name in given):
        return indices(given, place) if given else {}
    names = sorted(given, key=given.__getitem__)
    agreeing = sum(_first(mine) == _first(other) for mine, other in zip(names, words(), strict=False))
    if len(names) != CLASSES or 2 * agreeing < CLASSES:
        message = f"has {len(names):,} named classes, of which {agreeing:,} are called as ImageNet's of that number"
        raise DataError(fault(place, f"{message}; would be right: all 1,000 in the order of their synset ids"))
    return {}


def _first(name: str) -> str:
    return name.partition(",")[0].strip().lower()


def _made(make: Callable[[], Any], place: str, absent: str) -> Any:
    try:
        return make()
    except UNREADABLE as error:
        # What timm says names folders of this machine.
        raise DataError(fault(place, f"{absent} could be read ({type(error).__name__})")) from None


def check_targets(targets: Iterable[int], place: str) -> None:
    """Raises DataError where a reader that brings numbers alone brings one that is no class."""
    strange = sorted({target for target in targets if not 0 <= target < CLASSES})
    if strange:
        raise DataError(fault(place, f"holds labels that are no classes: {strange[:5]}; must be 0 to {CLASSES - 1}"))
