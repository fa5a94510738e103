"""Work in another process: done at the end of the block, and done here where it fails there."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from harness.report.aside import MANY, aside

HAS_ANOTHER = sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1


@pytest.mark.parametrize("rows", [0, MANY])
def test_the_work_is_done_when_the_block_has_ended(tmp_path: Path, rows: int) -> None:
    path = tmp_path / "by"

    def work() -> None:
        path.write_text(str(os.getpid()))

    with aside(work, rows):
        pass
    assert (path.read_text() == str(os.getpid())) is not (HAS_ANOTHER and rows >= MANY)


def test_what_fails_in_the_other_process_is_done_here_and_tells_why() -> None:
    tried: list[int] = []

    def work() -> None:
        tried.append(os.getpid())
        raise OSError(28, "no room")

    with pytest.raises(OSError, match="no room"), aside(work, MANY):
        pass
    assert tried == [os.getpid()]


def test_a_block_that_fails_is_not_followed_by_the_work() -> None:
    tried: list[int] = []
    with pytest.raises(ValueError, match="in the block"), aside(lambda: tried.append(1), 0):
        raise ValueError("in the block")
    assert tried == []
