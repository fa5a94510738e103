"""Parts of encoded images: decoded when they are asked for, and looked through only when their fingerprint is."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.datasets.arrays import batch_indices
from harness.datasets.augment import shifted_and_mirrored, shifts
from harness.datasets.chance import derived, seeded
from harness.datasets.encoded import Source
from harness.datasets.fingerprints import item_digests, part_sha256
from harness.datasets.image_parts import ImagePart
from harness.datasets.images import AT_ONCE, DAMAGED, decoded
from harness.datasets.places import fault
from harness.datasets.protocol import Feed
from harness.errors import DataError
from harness.records import PartInfo
from harness.tasks.base import Batch

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch.utils.data import DataLoader


@dataclass(frozen=True)
class Items:
    """Images of a part as `indices` (n,) into a source, with class indices (n,).

    `accepted` (n, 1000) says which classes are right where several are; `outputs` are the network's outputs among which
    the answer is looked for, None for all.
    """

    source: Source
    indices: NDArray[np.int64]
    targets: NDArray[np.int64]
    accepted: NDArray[np.bool_] | None = None
    outputs: tuple[int, ...] | None = None

    def __len__(self) -> int:
        return len(self.indices)


class ReaderPart(ImagePart):
    """Images of one part; they are listed, read and looked through only when that is asked for."""

    def __init__(self, listed: Callable[[], Items], feed: Feed, place: str) -> None:
        self._listed = listed
        self._feed = feed
        self._place = place

    @cached_property
    def _items(self) -> Items:
        return self._listed()

    @property
    def outputs(self) -> tuple[int, ...] | None:  # type: ignore[override]  # an attribute of the base, known once listed
        return self._items.outputs

    @cached_property
    def info(self) -> PartInfo:  # type: ignore[override]  # an attribute of the base, which costs a look at every image
        """Looks at every image once; raises DataError with all that cannot be decoded."""
        looks = self._looks()
        problems = [
            fault(f"{self._place}: {self._items.source.name(index)}", f"cannot be decoded as an image ({look.failure})")
            for index, look in zip(self._items.indices.tolist(), looks, strict=True)
            if look.failure
        ]
        if problems:
            raise DataError(problems)
        digests = [look.digest for look in looks]
        if self._items.accepted is not None:
            rows = np.packbits(self._items.accepted, axis=1)
            digests = [hashlib.sha256(d + row.tobytes()).digest() for d, row in zip(digests, rows, strict=True)]
        among = "" if self.outputs is None else f", answer among {len(self.outputs)} outputs"
        return PartInfo(
            items=len(self),
            sha256=part_sha256(digests, self._items.targets),
            transform=self._feed.words + among,
        )

    @property
    def is_known(self) -> bool:  # type: ignore[override]  # an attribute of the base, known once read
        """Whether the fingerprint is there without a look at every image."""
        return "info" in vars(self)

    def __len__(self) -> int:
        return len(self._items)

    def batches(self, size: int, shuffle: int | None = None) -> Iterator[Batch]:
        return self._batches(Pictures(self._items.source, self._feed.transform), size, shuffle)

    def augmented(self, size: int, shuffle: int, augment: str) -> Iterator[Batch]:
        if augment == "rand":
            places = {index: number for number, index in enumerate(self._items.indices.tolist())}
            yield from self._batches(
                DrawnPictures(self._items.source, self._feed.training, shuffle, places), size, shuffle
            )
            return
        chance = shifts(shuffle)
        for batch in self.batches(size, shuffle):
            yield Batch(shifted_and_mirrored(batch.inputs, chance), batch.targets, batch.accepted)

    def _batches(self, pictures: Pictures, size: int, shuffle: int | None) -> Iterator[Batch]:
        import torch

        order = list(batch_indices(len(self), size, shuffle))
        wanted = [self._items.indices[places].tolist() for places in order]
        for places, inputs in zip(order, _loader(pictures, wanted, torch.stack, self._feed.workers), strict=True):
            targets = torch.from_numpy(self._items.targets[places])
            accepted = None if self._items.accepted is None else torch.from_numpy(self._items.accepted[places])
            yield Batch(inputs, targets, accepted)

    def _looks(self) -> list[_Look]:
        order = self._items.indices.tolist()
        batches = [order[start : start + AT_ONCE] for start in range(0, len(order), AT_ONCE)]
        return [look for some in _loader(Looks(self._items.source), batches, list, self._feed.workers) for look in some]


@dataclass(frozen=True)
class Pictures:
    """Images of a source by index, each turned into something: what a loader process is given."""

    source: Source
    turn: Callable[[Image], Any]

    def __getitem__(self, index: int) -> Any:
        return self.turn(picture(self.source.read(index)))


@dataclass(frozen=True)
class DrawnPictures(Pictures):
    """Images whose turning draws random numbers: those of an image follow `seed` and its number within the part."""

    seed: int
    places: Mapping[int, int] = field(default_factory=dict)

    def __getitem__(self, index: int) -> Any:
        with seeded(derived(self.seed, self.places[index])):
            return self.turn(picture(self.source.read(index)))


@dataclass(frozen=True)
class _Look:
    """The digest of a decoded image, or why there is none."""

    digest: bytes = b""
    failure: str = ""


@dataclass(frozen=True)
class Looks:
    """Digests of a source's images by index."""

    source: Source

    def __getitem__(self, index: int) -> _Look:
        try:
            pixels: NDArray[np.uint8] = np.asarray(picture(self.source.read(index)))
        except DAMAGED as error:
            return _Look(failure=type(error).__name__)
        return _Look(item_digests(pixels[np.newaxis])[0])


def picture(content: bytes) -> Image:
    """An encoded image in RGB; raises one of DAMAGED."""
    return decoded(io.BytesIO(content))  # type: ignore[arg-type]  # Pillow opens a file as it opens a path


def _loader(items: Any, batches: list[list[int]], collate: Callable[[Any], Any], workers: int) -> DataLoader[Any]:
    import torch
    from torch.utils.data import DataLoader

    return DataLoader(
        items,
        batch_sampler=batches,
        collate_fn=collate,
        num_workers=min(workers, len(batches)),
        generator=torch.Generator().manual_seed(0),  # else the loader draws from the global one
    )
