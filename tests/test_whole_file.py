"""A file is there whole, or as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.whole_file import OWNER, write_whole


def test_a_file_is_put_in_place_of_another(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_whole(path, "one")
    write_whole(path, b"two", is_synced=True)
    assert path.read_bytes() == b"two"
    assert [one.name for one in tmp_path.iterdir()] == ["a.json"]


def test_what_cannot_be_written_leaves_what_was_there_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_whole(path, "one")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "\ud800")
    with pytest.raises(OSError, match="No such file"):
        write_whole(tmp_path / "absent" / "a.json", "two")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        write_whole(tmp_path / "folder", "two")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.json", "folder"]
    assert path.read_text() == "one"


def test_a_private_file_is_private_from_the_first_byte(tmp_path: Path) -> None:
    write_whole(tmp_path / "a", "secret", OWNER)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


def test_a_name_of_any_length_that_a_disk_takes_can_be_written(tmp_path: Path) -> None:
    write_whole(tmp_path / ("n" * 255), "long")
    assert (tmp_path / ("n" * 255)).read_text() == "long"
