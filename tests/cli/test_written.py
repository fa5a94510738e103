"""A file that a command line asks for: its folder is made, and what cannot be written is a sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.cli.written import write_asked
from harness.errors import StoreError


def test_a_file_is_put_whole_into_a_folder_that_is_made(tmp_path: Path) -> None:
    path = tmp_path / "out" / "page.html"
    for content in ("text", b"bytes"):
        write_asked(path, content)
        assert path.read_bytes() == (content if isinstance(content, bytes) else content.encode())
    assert [one.name for one in path.parent.iterdir()] == ["page.html"]


def test_a_pipe_is_written_to() -> None:
    read, write = os.pipe()
    write_asked(Path(f"/dev/fd/{write}"), "text")
    assert os.read(read, 10) == b"text"
    os.close(read)
    os.close(write)


def test_a_folder_and_a_file_on_the_way_are_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="is a folder; name a file"):
        write_asked(tmp_path, "text")
    with pytest.raises(StoreError, match="a file stands where a folder should be"):
        write_asked(tmp_path / "file" / "page.html", "text")
