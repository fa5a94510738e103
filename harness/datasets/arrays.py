"""Parts over uint8 arrays in memory, and the one way from given arrays to a loaded data set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.datasets.augment import RandAugmented, shifted_and_mirrored, shifts
from harness.datasets.base import Data
from harness.datasets.carving import carve
from harness.datasets.fingerprints import check_overlap, item_digests, part_sha256
from harness.datasets.image_parts import ImagePart
from harness.datasets.pixels import CHUNK, Normalize, Pixels, pixels_for
from harness.datasets.pools import Pool, check_channels, check_labels
from harness.datasets.splits import Share, takes
from harness.records import PartInfo
from harness.tasks.base import Batch, Description
from harness.tasks.images import ImageInput

if TYPE_CHECKING:
    from torch import Tensor

KEPT_BYTES = 256 * 2**20  # a transformed part up to this size is kept in memory


class ArrayPart(ImagePart):
    """Images of one part, transformed on first use and kept where they are small."""

    def __init__(self, given: Pool, digests: Sequence[bytes], pixels: Pixels) -> None:
        self._given = given
        self._pixels = pixels
        self._kept: Tensor | None = None
        self.mean, self.std = pixels.mean, pixels.std
        self.info = PartInfo(
            items=len(given.targets),
            sha256=part_sha256(digests, given.targets),
            transform=pixels.described(given.images.shape[1:]),
        )

    def batches(self, size: int, shuffle: int | None = None) -> Iterator[Batch]:
        import torch

        for indices in batch_indices(len(self), size, shuffle):
            targets = torch.from_numpy(self._given.targets[indices])
            yield Batch(self._inputs(indices), targets)

    def augmented(self, size: int, shuffle: int, augment: str) -> Iterator[Batch]:
        import torch

        chance, changed = shifts(shuffle), RandAugmented(self._pixels.mean)
        for indices in batch_indices(len(self), size, shuffle):
            if augment == "rand":
                inputs = self._pixels(changed(self._given.images[indices], indices.tolist(), shuffle))
            else:
                inputs = shifted_and_mirrored(self._inputs(indices), chance)
            yield Batch(inputs, torch.from_numpy(self._given.targets[indices]))

    def _inputs(self, indices: NDArray[np.int64]) -> Tensor:
        import torch

        if 4 * len(self) * int(np.prod(self._pixels.size)) > KEPT_BYTES:
            return self._pixels(self._given.images[indices])
        if self._kept is None:
            images = self._given.images
            self._kept = torch.cat([self._pixels(images[at : at + CHUNK]) for at in range(0, len(self), CHUNK)])
        return self._kept[torch.from_numpy(indices)]


def batch_indices(items: int, size: int, shuffle: int | None) -> Iterator[NDArray[np.int64]]:
    """Indices of each batch: in order, or in the order that numpy's Generator draws from the seed `shuffle`."""
    order = np.arange(items, dtype=np.int64)
    if shuffle is not None:
        order = np.random.default_rng(shuffle).permutation(order)
    for start in range(0, items, size):
        yield order[start : start + size]


def array_data(
    pools: Mapping[str, Pool],
    description: Description,
    config: ImageInput,
    splits: Mapping[str, Share],
    normalize: Normalize,
    where: str,
) -> Data:
    """Four disjoint parts of the given pools, transformed for a network that wants `config`; raises DataError."""
    targets = {name: given.targets for name, given in pools.items()}
    check_channels(pools, where)
    check_labels(targets, description.outputs, where)
    digests = {name: item_digests(given.images) for name, given in pools.items()}
    check_overlap(digests, where)
    carved = carve(targets, takes({name: len(labels) for name, labels in targets.items()}, splits, where))
    parts = {
        part: Pool(pools[found.source].images[found.indices], targets[found.source][found.indices])
        for part, found in carved.items()
    }
    pixels = pixels_for(config, parts["train"].images, normalize, where)
    return Data(
        description,
        {
            part: ArrayPart(given, [digests[carved[part].source][i] for i in carved[part].indices], pixels)
            for part, given in parts.items()
        },
    )
