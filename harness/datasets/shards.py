"""WebDataset shards by item: where each image lies in its tar file, and the class beside it.

timm's own reader of shards hands out items in an order that follows its processes, and passes over damaged ones. Here
every item has its place, and one that cannot be read is an error; pixels and labels are the same in both.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from harness.datasets.encoded import Listing, Stretch, Stretches, listing
from harness.datasets.places import fault
from harness.datasets.readers import check_targets
from harness.errors import DataError

IMAGES = ("jpg", "jpeg", "png", "webp")
INFO = ("_info.json", "info.json")


def shard_files(home: Path, names: Sequence[str]) -> tuple[str, ...]:
    """Shards of the part that goes by one of these names: as `_info.json` lists them, else `*-NAME-*.tar`, sorted."""
    info = next((home / name for name in INFO if (home / name).is_file()), None)
    if info is not None:
        return _named_shards(info, names)
    return tuple(
        sorted(path.name for path in home.glob("*.tar") if any(name in path.stem.split("-") for name in names))
    )


def _named_shards(info: Path, names: Sequence[str]) -> tuple[str, ...]:
    """Shards of the first of these splits that the file knows; a name that is more than a file's leads nowhere."""
    try:
        splits = json.loads(info.read_text(encoding="utf-8"))["splits"]
        found: list[str] = next((splits[name]["filenames"] for name in names if name in splits), [])
        if any(Path(file).name != file or file in ("", "..") for file in found):
            raise ValueError
    except (OSError, ValueError, KeyError, TypeError) as error:
        shape = "{splits: {NAME: {filenames: [...]}}} with the names of files beside it"
        message = f"cannot be read ({type(error).__name__}); it must be JSON: {shape}"
        raise DataError(fault(info.name, message)) from None
    return tuple(found)


def shard_listing(home: Path, files: Sequence[str], place: str) -> Listing:
    """Images KEY.jpg (jpeg, png, webp) with their class index in KEY.cls; raises DataError."""
    found: list[Stretch] = []
    targets: list[int] = []
    for file in files:
        for sample in _samples(home, file, place):
            if sample.image is None or sample.target is None:
                lacks = "image" if sample.image is None else "class (.cls)"
                raise DataError(fault(f"{place}: {file}/{sample.key}", f"the sample has no {lacks}"))
            found.append(sample.image)
            targets.append(sample.target)
    check_targets(targets, place)
    return listing(Stretches(home, found), targets)


@dataclass
class _Sample:
    """Members of a shard with one key; they stand one after the other."""

    key: str
    image: Stretch | None = None
    target: int | None = None


def _samples(home: Path, file: str, place: str) -> Iterator[_Sample]:
    try:
        with tarfile.open(home / file, "r:") as archive:
            members = (member for member in archive if member.isfile())
            for key, own in groupby(members, key=lambda member: _parts(member.name)[0]):
                sample = _Sample(key)
                for member in own:
                    _add(sample, file, archive, member)
                yield sample
    except (OSError, ValueError, tarfile.TarError) as error:
        raise DataError(fault(f"{place}: {file}", f"cannot be read as a shard ({type(error).__name__})")) from None


def _add(sample: _Sample, file: str, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    extension = _parts(member.name)[1]
    if extension in IMAGES:
        sample.image = Stretch(file, f"{file}/{member.name}", member.offset_data, member.size)
    content = archive.extractfile(member) if extension == "cls" else None
    if content is not None:
        sample.target = int(content.read())


def _parts(name: str) -> tuple[str, str]:
    """`n01440764/10026`, `jpg` of `n01440764/10026.jpg`: the key ends at the first dot of the file's own name."""
    folder, slash, base = name.rpartition("/")
    stem, _, extension = base.partition(".")
    return folder + slash + stem, extension.lower()
