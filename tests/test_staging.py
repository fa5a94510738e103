"""Data on a disk of the node: copied once, whole or not at all, and read to the same fingerprints."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from given_files import config, npz_folder

from harness.datasets.base import Dataset, datasets
from harness.staging import staged


@pytest.fixture
def paths(tmp_path: Path) -> dict[str, Path]:
    """A data set of arrays, and a scratch disk."""
    return {"mine": npz_folder(tmp_path / "there"), "scratch": tmp_path / "scratch"}


def arrays(label: str = "mine") -> Dataset:
    return datasets.create({"name": "npz", "label": label, "splits": {"calibration": 10, "validation": 10}}, "data")


CHAINS = count()


def copied(paths: Mapping[str, Path], notes: list[str] | None = None, chain: str | None = None) -> Path:
    """The folder that a trial of a chain of jobs reads, by default of a new one."""
    own = f"chain {next(CHAINS)}" if chain is None else chain
    return staged(arrays(), paths, (notes if notes is not None else []).append, own)["mine"]


def test_a_copy_is_made_once_and_gives_the_same_fingerprints(paths: dict[str, Path]) -> None:
    notes: list[str] = []
    near = copied(paths, notes)
    assert near.parent == paths["scratch"] / f"harness-{os.getuid()}"
    assert copied(paths, notes) == near
    assert notes == ["copying 0.0 GB of data mine to this node"]
    there, here = (arrays().load({"mine": place}, config()) for place in (paths["mine"], near))
    assert there.info() == here.info()
    first, again = (next(data.parts["train"].batches(8)).inputs for data in (there, here))
    assert torch.equal(first, again)


def test_data_that_changed_are_copied_anew(paths: dict[str, Path]) -> None:
    near = copied(paths)
    os.utime(paths["mine"] / "train.npz", (1, 1))
    assert copied(paths) != near


def test_a_copy_that_was_swept_in_part_is_made_again(paths: dict[str, Path]) -> None:
    near = copied(paths)
    (near / "test.npz").unlink()
    assert copied(paths) == near
    assert (near / "test.npz").read_bytes() == (paths["mine"] / "test.npz").read_bytes()


def test_what_a_killed_copy_left_is_cleared_away(paths: dict[str, Path]) -> None:
    near = copied(paths)
    shutil.rmtree(near)
    (near.parent / f".{near.name}-0123").mkdir()
    assert copied(paths) == near
    assert [path.name for path in near.parent.iterdir() if path.is_dir()] == [near.name]


def test_links_are_followed_once(paths: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far/more.npz").write_bytes(b"more")
    (paths["mine"] / "far").symlink_to(tmp_path / "far")
    (paths["mine"] / "circle").symlink_to(paths["mine"])
    near = copied(paths)
    assert (near / "far/more.npz").read_bytes() == b"more"
    assert len([path for path in near.rglob("*") if path.is_file()]) == 3


def test_a_variable_of_the_node_names_its_scratch(paths: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NODE_SCRATCH", str(paths["scratch"]))
    near = copied({**paths, "scratch": Path("$NODE_SCRATCH/here")})
    assert near.parent.parent == paths["scratch"] / "here"
    monkeypatch.delenv("NODE_SCRATCH")
    with pytest.warns(RuntimeWarning, match="data mine are read where they lie: this node has no variable"):
        assert copied({**paths, "scratch": Path("$NODE_SCRATCH/here")}) == paths["mine"]


def test_without_room_the_data_are_read_where_they_lie(paths: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=100))
    notes: list[str] = []
    with pytest.warns(RuntimeWarning, match=r"they take 0\.0 GB, and the scratch disk has 0\.0 GB left"):
        assert copied(paths, notes) == paths["mine"]
    assert notes[0].startswith("data mine are read where they lie")


def test_a_scratch_that_cannot_be_written_is_told(paths: dict[str, Path]) -> None:
    paths["scratch"].write_text("a file")
    with pytest.warns(RuntimeWarning, match="the scratch folder a file stands where a folder should be"):
        assert copied(paths) == paths["mine"]


def test_data_without_a_folder_are_left_alone(paths: dict[str, Path]) -> None:
    digits = datasets.create({"name": "digits"}, "data")
    assert staged(digits, paths, lambda _: None, "chain") == paths
    assert not paths["scratch"].exists()


def test_jobs_of_one_chain_list_the_folder_once(paths: dict[str, Path]) -> None:
    near = copied(paths, chain="a")
    shutil.rmtree(paths["mine"])  # nobody looks there again
    assert copied(paths, chain="a") == near
    with pytest.warns(RuntimeWarning, match="read where they lie"):
        assert copied(paths, chain="b") == paths["mine"]


def test_a_copy_that_was_swept_away_is_made_anew_in_the_same_chain(paths: dict[str, Path]) -> None:
    near = copied(paths, chain="a")
    shutil.rmtree(near)
    assert copied(paths, chain="a") == near
    assert near.is_dir()


def test_a_copy_that_was_swept_in_part_is_made_again_in_the_same_chain(paths: dict[str, Path]) -> None:
    near = copied(paths, chain="one")
    (near / "test.npz").unlink()
    assert copied(paths, chain="one") == near
    assert (near / "test.npz").is_file()


@pytest.mark.parametrize("text", ["", "[]", '{"copy": 1}', '{"copy": "x", "files": {"a": 1}}'])
def test_a_note_of_a_copy_that_cannot_be_read_is_none(paths: dict[str, Path], text: str) -> None:
    near = copied(paths, chain="one")
    (note,) = near.parent.glob("*.seen")
    note.write_text(text)
    assert copied(paths, chain="one") == near
