"""Fashion-MNIST in every layout of its files, and its download from a mirror on the loopback."""

from __future__ import annotations

import gzip
import hashlib
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from given_files import config, idx_bytes, idx_folder, load, noise, npz_folder

from harness.datasets.base import datasets
from harness.errors import DataError

IMAGES = noise(60, (8, 8), 0)[0]


def refusal(home: Path | None, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        load("fashion_mnist", {"fashion_mnist": home} if home else {}, config(), **options)
    assert str(home) not in str(caught.value)
    return str(caught.value)


def test_idx_gzipped_idx_and_npz_have_the_same_fingerprints(tmp_path: Path) -> None:
    homes = (
        npz_folder(tmp_path / "npz"),
        idx_folder(tmp_path / "idx", False),
        idx_folder(tmp_path / "gz", True),
        idx_folder(tmp_path / "torchvision" / "FashionMNIST" / "raw", False).parents[1],
    )
    found = [load("fashion_mnist", {"fashion_mnist": home}).info() for home in homes]
    assert all(info == found[0] for info in found)


def test_calibration_and_validation_are_carved_from_train(tmp_path: Path) -> None:
    sizes = datasets.create({"name": "fashion_mnist"}).describe({"fashion_mnist": idx_folder(tmp_path, True)}).sizes
    assert sizes == {"train": 48, "calibration": 6, "validation": 6, "test": 20}


def test_without_a_folder_it_says_how_to_get_the_files() -> None:
    assert refusal(None) == (
        "fashion_mnist data: no folder is known; say it in the site file: paths: {fashion_mnist: DIR}; "
        "it holds the four idx files (gzipped or not), as the Debian package dataset-fashion-mnist brings them, "
        "or train.npz and test.npz; `download: true` fills it"
    )


def test_an_empty_folder_says_how_to_get_the_files(tmp_path: Path) -> None:
    assert refusal(tmp_path) == (
        "fashion_mnist data: its files are not in the folder of the site file (paths: {fashion_mnist: DIR}); "
        "it holds the four idx files (gzipped or not), as the Debian package dataset-fashion-mnist brings them, "
        "or train.npz and test.npz; `download: true` fills it"
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\0\0\x0d\x01\0\0\0\x01", "is no idx file of bytes"),
        (b"\0\0\x08", "is no idx file of bytes"),
        (idx_bytes(IMAGES)[:-1], "must hold 3,840 values, as its header says; it is cut or too long"),
        (
            idx_bytes(IMAGES) + b"\0",
            "must hold 3,840 values, as its header says; it is cut or too long",
        ),
        (idx_bytes(IMAGES[1:]), "x has 59 items and y has 60; they must be as many"),
    ],
)
def test_damaged_idx_files_are_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    (idx_folder(tmp_path, False) / "train-images-idx3-ubyte").write_bytes(content)
    assert refusal(tmp_path) == f"fashion_mnist data: train-images-idx3-ubyte: {sentence}"


def test_a_damaged_gzip_is_refused(tmp_path: Path) -> None:
    path = idx_folder(tmp_path, True) / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:200])
    assert refusal(tmp_path) == "fashion_mnist data: t10k-images-idx3-ubyte.gz: cannot be read (EOFError)"


def test_labels_beyond_nine_are_refused(tmp_path: Path) -> None:
    y = noise(60, (8, 8), 0, classes=11)[1]
    (idx_folder(tmp_path, False) / "train-labels-idx1-ubyte").write_bytes(idx_bytes(y))
    assert refusal(tmp_path) == "fashion_mnist data: labels of train go from 0 to 10; must be 0 to 9"


def test_download_is_no_part_of_the_identity() -> None:
    wanted = datasets.create({"name": "fashion_mnist", "download": True, "normalize": "model"})
    assert wanted.identity() == {"name": "fashion_mnist", "normalize": "model"}


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that torchvision downloads from over the loopback, instead of the network."""
    from torchvision.datasets import FashionMNIST  # type: ignore[import-untyped]  # it ships no types

    home = idx_folder(tmp_path / "mirror", True)
    files = [(path.name, hashlib.md5(path.read_bytes()).hexdigest()) for path in sorted(home.iterdir())]
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(home))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setattr(FashionMNIST, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
        monkeypatch.setattr(FashionMNIST, "resources", files)
        yield home
        server.shutdown()
        thread.join()


def test_a_download_is_made_by_fetch_and_not_by_a_look(tmp_path: Path, mirror: Path) -> None:
    home = {"fashion_mnist": tmp_path / "new"}
    wanted = datasets.create({"name": "fashion_mnist", "download": True})
    assert wanted.describe(home).sizes["test"] == 10_000
    assert not home["fashion_mnist"].exists()
    wanted.fetch(home)
    given = load("fashion_mnist", {"fashion_mnist": mirror})
    assert load("fashion_mnist", home).info() == given.info()


def test_a_download_that_fails_says_what_else_helps(tmp_path: Path, mirror: Path) -> None:
    for path in mirror.iterdir():
        path.write_bytes(gzip.compress(b"other"))
    wanted = datasets.create({"name": "fashion_mnist", "download": True})
    with pytest.raises(DataError, match=r"the download failed \(RuntimeError\); it holds the four idx files"):
        wanted.fetch({"fashion_mnist": tmp_path / "new"})


def test_files_that_are_there_are_not_fetched(tmp_path: Path) -> None:
    before = "torchvision" in sys.modules
    datasets.create({"name": "fashion_mnist", "download": True}).fetch({"fashion_mnist": npz_folder(tmp_path)})
    assert ("torchvision" in sys.modules) == before
