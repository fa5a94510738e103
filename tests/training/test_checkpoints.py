"""Positions of a training on disk: the last whole one, of this very training, or none."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from harness.errors import StoreError
from harness.training.checkpoints import POSITION, Checkpoints, Position

TENSORS = {"net.weight": torch.arange(6.0).reshape(2, 3), "optimizer.0.step": torch.tensor(3.0)}


def position(epochs: int = 1, fits: str = "this") -> Position:
    return Position(fits=fits, epochs=epochs, steps=3 * epochs, loss=0.25, elapsed_s=1.5)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    Checkpoints(tmp_path, "this").write(position(2), TENSORS)
    found = Checkpoints(tmp_path, "this").read()
    assert found is not None
    read, tensors = found
    assert (read.epochs, read.steps, read.loss, read.elapsed_s) == (2, 6, 0.25, 1.5)
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)


def test_only_the_last_position_is_kept(tmp_path: Path) -> None:
    kept = Checkpoints(tmp_path, "this")
    kept.write(position(1), TENSORS)
    kept.write(position(2), {name: tensor + 1 for name, tensor in TENSORS.items()})
    assert len(list(tmp_path.iterdir())) == 2
    found = kept.read()
    assert found is not None
    assert found[0].epochs == 2


def test_tensors_that_share_memory_are_kept_each(tmp_path: Path) -> None:
    shared = torch.ones(3)
    Checkpoints(tmp_path, "this").write(position(), {"a": shared, "b": shared})
    found = Checkpoints(tmp_path, "this").read()
    assert found is not None
    assert set(found[1]) == {"a", "b"}


def test_another_trainings_position_is_none(tmp_path: Path) -> None:
    Checkpoints(tmp_path, "this").write(position(), TENSORS)
    assert Checkpoints(tmp_path, "that").read() is None


def test_without_a_folder_there_is_no_position(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path / "absent", "this").read() is None


@pytest.mark.parametrize("damage", ["json", "tensors", "gone"])
def test_what_is_damaged_is_no_position(tmp_path: Path, damage: str) -> None:
    Checkpoints(tmp_path, "this").write(position(), TENSORS)
    (tensors,) = tmp_path.glob("*.safetensors")
    if damage == "json":
        (tmp_path / POSITION).write_text('{"fits": "this"')
    elif damage == "tensors":
        tensors.write_bytes(tensors.read_bytes()[:-1] + b"\x01")
    else:
        tensors.unlink()
    assert Checkpoints(tmp_path, "this").read() is None


def test_a_name_in_the_position_leads_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    kept = Checkpoints(tmp_path / "folder", "this")
    kept.write(position(), TENSORS)
    text = (kept.folder / POSITION).read_text()
    (tensors,) = kept.folder.glob("*.safetensors")
    (kept.folder / POSITION).write_text(text.replace(tensors.stem, "../other"))
    assert kept.read() is None


def test_a_process_killed_between_tensors_and_position_leaves_the_last_position(tmp_path: Path) -> None:
    kept = Checkpoints(tmp_path, "this")
    kept.write(position(1), TENSORS)
    (tmp_path / f"{'0' * 64}.safetensors").write_bytes(b"half")
    (tmp_path / ".0123.tmp").write_bytes(b"half")
    found = kept.read()
    assert found is not None
    assert found[0].epochs == 1


def test_a_position_is_due_when_its_time_has_come(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path, "this", every_s=0.0).is_due
    assert not Checkpoints(tmp_path, "this", every_s=1e9).is_due


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="a checkpoint cannot be written"):
        Checkpoints(tmp_path / "file", "this").write(position(), TENSORS)
