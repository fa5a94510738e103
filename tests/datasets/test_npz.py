"""One's own arrays: what is read, and the sentence for each way in which files can be wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from given_files import config, load, noise, npz_folder, rows, write_npz
from numpy.typing import NDArray

from harness.datasets.base import datasets
from harness.errors import DataError, SpecError
from harness.tasks.base import Description


def described(home: Path, **options: Any) -> Description:
    return datasets.create({"name": "npz", "label": "mine", **options}).describe({"mine": home})


def refusal(home: Path, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        load("npz", {"mine": home}, config(), label="mine", **options)
    assert str(home) not in str(caught.value)
    return str(caught.value)


def bad_train(home: Path, x: NDArray[Any], y: NDArray[Any]) -> str:
    npz_folder(home)
    write_npz(home, "train", x, y)
    with pytest.raises(DataError):
        described(home)
    return refusal(home)


X, Y = noise(60, (8, 8), 0)


def test_colour_arrays_have_three_channels(tmp_path: Path) -> None:
    found = described(npz_folder(tmp_path, (8, 8, 3)))
    assert found == Description(
        "classification", 4, 3, sizes={"train": 48, "calibration": 6, "validation": 6, "test": 20}
    )


def test_named_classes_set_the_outputs(tmp_path: Path) -> None:
    npz_folder(tmp_path)
    write_npz(tmp_path, "train", X, Y, classes=np.array(["a", "b", "c", "d", "never seen"]))
    assert described(tmp_path).outputs == 5
    assert described(tmp_path, classes=9).outputs == 9


def test_a_given_calibration_part_is_used_as_it_is(tmp_path: Path) -> None:
    npz_folder(tmp_path)
    write_npz(tmp_path, "calibration", *noise(12, (8, 8), 9))
    data = load("npz", {"mine": tmp_path}, label="mine")
    assert (len(data.parts["calibration"]), len(data.parts["train"])) == (12, 54)


def test_the_order_in_which_parts_are_asked_does_not_matter(tmp_path: Path) -> None:
    home = {"mine": npz_folder(tmp_path)}
    first = load("npz", home, label="mine", splits={"calibration": 5, "validation": 7})
    other = load("npz", home, label="mine", splits={"validation": 7, "calibration": 5})
    assert first.info() == other.info()


def test_parts_taken_from_a_test_part_leave_it_disjoint(tmp_path: Path) -> None:
    splits = {"validation": {"from": "test", "items": 8}}
    data = load("npz", {"mine": npz_folder(tmp_path)}, label="mine", splits=splits)
    assert (len(data.parts["test"]), len(data.parts["validation"])) == (12, 8)
    assert not rows(data.parts["test"]) & rows(data.parts["validation"])


def test_a_label_is_needed() -> None:
    with pytest.raises(SpecError, match=r"^data\.label: is required$"):
        datasets.create({"name": "npz"}, "data")


def test_an_unknown_label_says_where_to_name_the_folder() -> None:
    with pytest.raises(DataError) as caught:
        datasets.create({"name": "npz", "label": "mine"}).describe({})
    assert str(caught.value) == (
        "npz data 'mine': no folder is known; say it in the site file: paths: {mine: DIR}; "
        "it holds train.npz and test.npz with arrays x and y"
    )


def test_an_absent_folder_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none").startswith(
        "npz data 'mine': the folder that the site file names (paths: {mine: DIR}) is not there"
    )
    (tmp_path / "file").touch()
    assert "(paths: {mine: DIR}) is no folder; " in refusal(tmp_path / "file")


def test_every_absent_file_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path) == (
        "npz data 'mine': train.npz: no such file in its folder\nnpz data 'mine': test.npz: no such file in its folder"
    )


@pytest.mark.parametrize(
    ("x", "y", "sentence"),
    [
        (X.astype(np.float32), Y, "x must be uint8, 0 to 255; it is float32"),
        (X, Y.astype(np.float32), "y must hold one integer an item; it is float32 of 1 dimensions"),
        (X, Y[:50], "x has 60 items and y has 50; they must be as many"),
        (X[:0], Y[:0], "holds no items"),
        (
            X.reshape(60, 64),
            Y,
            "x must be (n, height, width) or (n, height, width, channels up to 4); it is 60x64",
        ),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path: Path, x: NDArray[Any], y: NDArray[Any], sentence: str) -> None:
    assert bad_train(tmp_path, x, y) == f"npz data 'mine': train.npz: {sentence}"


def test_one_class_is_refused(tmp_path: Path) -> None:
    for seed, part in enumerate(("train", "test")):
        write_npz(tmp_path, part, noise(30, (8, 8), seed)[0], np.zeros(30, dtype=np.int64))
    assert refusal(tmp_path) == "npz data 'mine': holds one class only; at least two are needed"


def test_labels_below_zero_or_beyond_the_classes_are_refused(tmp_path: Path) -> None:
    assert bad_train(tmp_path, X, Y.astype(np.int64) - 1) == (
        "npz data 'mine': labels of train go from -1 to 2; must be 0 to 2"
    )
    npz_folder(tmp_path)
    assert refusal(tmp_path, classes=3) == "npz data 'mine': labels of train go from 0 to 3; must be 0 to 2"


def test_the_same_file_as_two_parts_is_refused(tmp_path: Path) -> None:
    npz_folder(tmp_path)
    write_npz(tmp_path, "test", X, Y)
    assert refusal(tmp_path) == (
        "npz data 'mine': parts of the data overlap: 60 of the 60 items of train stand in test too; "
        "give each part its own items, or leave train out to have it carved"
    )


def test_a_few_natural_duplicates_are_fine(tmp_path: Path) -> None:
    npz_folder(tmp_path)
    x, y = noise(20, (8, 8), 7)
    write_npz(tmp_path, "test", np.concatenate([x, X[:5]]), np.concatenate([y, Y[:5]]))
    assert len(load("npz", {"mine": tmp_path}, label="mine").parts["test"]) == 25


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    npz_folder(tmp_path)
    write_npz(tmp_path, "train", X, np.array([object()] * 60))
    assert refusal(tmp_path).startswith("npz data 'mine': train.npz: ")


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    npz_folder(tmp_path)
    (tmp_path / "test.npz").write_bytes(b"no archive")
    assert refusal(tmp_path) == "npz data 'mine': test.npz: cannot be read as .npz without pickles (BadZipFile)"


def test_an_archive_without_labels_is_refused(tmp_path: Path) -> None:
    npz_folder(tmp_path)
    np.savez(tmp_path / "train.npz", x=X, labels=Y)
    assert refusal(tmp_path) == "npz data 'mine': train.npz: has no array 'y'; known: labels, x"


def test_parts_of_unlike_channels_are_refused(tmp_path: Path) -> None:
    npz_folder(tmp_path)
    write_npz(tmp_path, "test", *noise(20, (8, 8, 3), 5))
    assert refusal(tmp_path) == "npz data 'mine': parts differ in channels: train 1, test 3"
