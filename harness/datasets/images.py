"""Image files: decoded to RGB, looked through once for fingerprints, and fed in batches by loader processes."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.datasets.arrays import batch_indices
from harness.datasets.augment import shifted_and_mirrored, shifts
from harness.datasets.chance import derived, seeded
from harness.datasets.fingerprints import item_digests
from harness.datasets.image_parts import ImagePart
from harness.errors import DataError
from harness.records import PartInfo
from harness.tasks.base import Batch

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor
    from torch.utils.data import DataLoader

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
AT_ONCE = 16  # files that one loader process looks through before it answers
DAMAGED = (OSError, ValueError, SyntaxError, EOFError, struct.error, zlib.error)


def decoded(path: Path) -> Image:
    """The picture in RGB, without its transparency; raises one of DAMAGED."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(path) as image:
                # Pillow wants palettes with transparency to go through RGBA; the colours are the same.
                has_alpha = image.mode == "P" and "transparency" in image.info
                return (image.convert("RGBA") if has_alpha else image).convert("RGB")
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            raise ValueError("the picture is too large to be decoded safely") from error


@dataclass(frozen=True)
class Seen:
    """What one look at a file says: its digest, and sums of values and of squares by channel; or why it failed."""

    digest: bytes = b""
    sums: tuple[int, ...] = ()
    squares: tuple[int, ...] = ()
    pixels: int = 0
    failure: str = ""


def look(path: Path) -> Seen:
    """Decodes one file and keeps only figures."""
    try:
        pixels: NDArray[np.uint8] = np.asarray(decoded(path))
    except DAMAGED as error:
        return Seen(failure=type(error).__name__)
    return Seen(
        item_digests(pixels[np.newaxis])[0],
        tuple(map(int, pixels.sum(axis=(0, 1), dtype=np.uint64))),
        tuple(map(int, np.square(pixels, dtype=np.uint32).sum(axis=(0, 1), dtype=np.uint64))),
        pixels.shape[0] * pixels.shape[1],
    )


@dataclass(frozen=True)
class Files:
    """Files by index, each turned into something: what a loader process is given."""

    paths: Sequence[Path]
    turn: Callable[[Path], Any]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Any:
        return self.turn(self.paths[index])


@dataclass(frozen=True)
class Drawn(Files):
    """Files whose turning draws random numbers: those of a file follow `seed` and its index, in whatever process."""

    seed: int

    def __getitem__(self, index: int) -> Any:
        with seeded(derived(self.seed, index)):
            return self.turn(self.paths[index])


def looked_through(paths: Sequence[Path], workers: int) -> list[Seen]:
    """One look at each file, in order."""
    order = list(range(len(paths)))
    batches = [order[start : start + AT_ONCE] for start in range(0, len(order), AT_ONCE)]
    return [seen for some in _loader(Files(paths, look), batches, list, workers) for seen in some]


@dataclass(frozen=True)
class Prepared:
    """Decodes a file and gives it timm's transform: float32 (channels, height, width)."""

    transform: Callable[[Image], Tensor]

    def __call__(self, path: Path) -> Tensor:
        return self.transform(decoded(path))


class FilePart(ImagePart):
    """Image files of one part, decoded whenever they are asked for; `training` is the transform of `augment: rand`."""

    def __init__(
        self,
        files: Files,
        targets: NDArray[np.int64],
        info: PartInfo,
        workers: int,
        training: Callable[[Path], Any] | None = None,
    ) -> None:
        self._files = files
        self._targets = targets
        self._workers = workers
        self._training = training
        self.info = info

    def batches(self, size: int, shuffle: int | None = None) -> Iterator[Batch]:
        return self._batches(self._files, size, shuffle)

    def augmented(self, size: int, shuffle: int, augment: str) -> Iterator[Batch]:
        if augment == "rand":
            if self._training is None:
                raise DataError("this part has no training transform for 'augment: rand'")
            yield from self._batches(Drawn(self._files.paths, self._training, shuffle), size, shuffle)
            return
        chance = shifts(shuffle)
        for batch in self._batches(self._files, size, shuffle):
            yield Batch(shifted_and_mirrored(batch.inputs, chance), batch.targets)

    def _batches(self, files: Files, size: int, shuffle: int | None) -> Iterator[Batch]:
        import torch

        order = list(batch_indices(len(self), size, shuffle))
        loader = _loader(files, [indices.tolist() for indices in order], torch.stack, self._workers)
        for indices, inputs in zip(order, loader, strict=True):
            yield Batch(inputs, torch.from_numpy(self._targets[indices]))


def _loader(files: Files, batches: list[list[int]], collate: Callable[[Any], Any], workers: int) -> DataLoader[Any]:
    import torch
    from torch.utils.data import DataLoader

    return DataLoader(
        files,  # type: ignore[arg-type]  # a loader needs only length and items, not the base class
        batch_sampler=batches,
        collate_fn=collate,
        num_workers=min(workers, len(batches)),
        generator=torch.Generator().manual_seed(0),  # else the loader draws from the global one
    )
