"""Fashion-MNIST: 70,000 grey product photographs of 28x28, ten classes, as idx or npz files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from harness.datasets.archives import npz_pool, npz_shapes
from harness.datasets.arrays import array_data
from harness.datasets.base import Data, Dataset, datasets
from harness.datasets.idx import idx_array, idx_shape
from harness.datasets.pixels import Channels, Normalize
from harness.datasets.places import data_folder, fault, where
from harness.datasets.pools import Pool, channels_fed, check_shapes, pool
from harness.datasets.splits import Splits, sizes_of, takes
from harness.errors import DataError
from harness.schema import Options
from harness.tasks.base import Description
from harness.tasks.images import ImageInput

OFFICIAL = {"train": 60_000, "test": 10_000}
STEMS = {"train": "train", "test": "t10k"}
ADVICE = (
    "it holds the four idx files (gzipped or not), as the Debian package dataset-fashion-mnist brings them, "
    "or train.npz and test.npz; `download: true` fills it"
)


@datasets.register("fashion_mnist")
class FashionMnist(Dataset):
    """Fashion-MNIST: 70,000 grey product photographs of 28x28, ten classes.

    Source: Xiao, Rasul, Vollgraf (2017), arXiv:1708.07747, MIT licence. Official train and test; calibration and
    validation are carved from train.
    """

    has_path: ClassVar[bool] = True
    download: bool = Field(False, description="fetch absent files into the folder when a study is run")
    splits: Splits = {}
    normalize: Normalize = "data"
    channels: Channels = None

    def identity(self) -> Options:
        """Without `download`: how the files came is no part of what they are."""
        return {key: value for key, value in super().identity().items() if key != "download"}

    def describe(self, paths: Mapping[str, Path]) -> Description:
        """The official sizes where files are still to be fetched."""
        place = where(self.name, self.title)
        if self.download and self.title in paths and not self.is_here(paths):
            given = OFFICIAL
        else:
            given = {part: _size(files, place) for part, files in self._files(paths).items()}
        sizes = sizes_of(takes(given, self.splits, place))
        return Description("classification", 10, channels_fed(1, self.channels, place), sizes=sizes)

    def is_here(self, paths: Mapping[str, Path]) -> bool:
        return self.title in paths and _found(paths[self.title]) is not None

    def fetch(self, paths: Mapping[str, Path]) -> None:
        """Torchvision's download into the folder, where the study asks for it and files are absent."""
        if not self.download or self.is_here(paths):
            return
        place = where(self.name, self.title)
        if self.title in paths:
            paths[self.title].mkdir(parents=True, exist_ok=True)
        _download(data_folder(paths, self.title, place, ADVICE), place)

    def load(self, paths: Mapping[str, Path], config: ImageInput, workers: int = 0) -> Data:
        place = where(self.name, self.title)
        description = self.describe(paths)
        pools = {part: _pool(files, place) for part, files in self._files(paths).items()}
        return array_data(pools, description, config, self.splits, self.normalize, place)

    def _files(self, paths: Mapping[str, Path]) -> dict[str, tuple[Path, ...]]:
        place = where(self.name, self.title)
        found = _found(data_folder(paths, self.title, place, ADVICE))
        if found is None:
            message = f"its files are not in the folder of the site file (paths: {{{self.title}: DIR}}); {ADVICE}"
            raise DataError(fault(place, message))
        return found


def _found(folder: Path) -> dict[str, tuple[Path, ...]] | None:
    """Files by given part: one .npz, or images and labels as idx; None where one is absent."""
    archives = {part: (folder / f"{part}.npz",) for part in STEMS}
    if all(files[0].is_file() for files in archives.values()):
        return dict(archives)
    for home in (folder, folder / "FashionMNIST" / "raw"):
        pairs = {
            part: (_idx(home, stem, "images-idx3"), _idx(home, stem, "labels-idx1")) for part, stem in STEMS.items()
        }
        if all(path.is_file() for files in pairs.values() for path in files):
            return dict(pairs)
    return None


def _idx(home: Path, stem: str, kind: str) -> Path:
    plain = home / f"{stem}-{kind}-ubyte"
    return plain if plain.is_file() else plain.with_name(plain.name + ".gz")


def _size(files: tuple[Path, ...], place: str) -> int:
    if len(files) == 1:
        shapes = npz_shapes(files[0], f"{place}: {files[0].name}")
        return int(shapes["x"].shape[0])
    x, y = (idx_shape(path, f"{place}: {path.name}") for path in files)
    check_shapes(x, y, f"{place}: {files[0].name}")
    return int(x.shape[0])


def _pool(files: tuple[Path, ...], place: str) -> Pool:
    if len(files) == 1:
        return npz_pool(files[0], f"{place}: {files[0].name}")
    x, y = (idx_array(path, f"{place}: {path.name}") for path in files)
    return pool(x, y, f"{place}: {files[0].name}")


def _download(folder: Path, place: str) -> None:
    from torchvision.datasets import FashionMNIST  # type: ignore[import-untyped]  # it ships no types

    try:
        FashionMNIST(str(folder), download=True)
    except (OSError, RuntimeError) as error:
        raise DataError(fault(place, f"the download failed ({type(error).__name__}); {ADVICE}")) from None
