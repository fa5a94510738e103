"""Artifacts are made once, kept by content, and never trusted when damaged."""

from __future__ import annotations

import math
import threading
from pathlib import Path

import pytest

from harness.artifacts import MANIFEST, Artifact, Artifacts, Maker
from harness.errors import StoreError

HERE = Maker("trial", "run", "here", "software")
THERE = Maker("other", "run", "there", "software")


class Making:
    """Fills a folder with a text, and counts how often."""

    def __init__(self, text: str = "text", content: str = "c0ffee") -> None:
        self.times = 0
        self.text = text
        self.content = content

    def __call__(self, folder: Path) -> str:
        self.times += 1
        (folder / "a.json").write_text(f'"{self.text}"')
        return self.content


def obtain(artifacts: Artifacts, make: Making, maker: Maker = HERE, since: float = 0.0) -> tuple[Artifact, bool]:
    return artifacts.obtain("select", {"a": 1}, "abc", maker, make, since)


def test_an_artifact_is_made_once(tmp_path: Path) -> None:
    artifacts, make = Artifacts(tmp_path), Making()
    first, second = obtain(artifacts, make), obtain(artifacts, make)
    assert (first[1], second[1], make.times) == (False, True, 1)
    assert second[0].read_json("a.json") == "text"
    assert second[0].folder == tmp_path / "artifacts" / "select" / "abc" / "c0ffee"
    assert second[0].manifest.made_by == "trial"


def test_many_at_once_make_one(tmp_path: Path) -> None:
    artifacts, make = Artifacts(tmp_path), Making()
    threads = [threading.Thread(target=obtain, args=(artifacts, make)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert make.times == 1


@pytest.mark.parametrize("name", ["a.json", MANIFEST])
def test_a_damaged_one_is_set_aside_and_made_again(tmp_path: Path, name: str) -> None:
    artifacts, make = Artifacts(tmp_path), Making()
    found, _ = obtain(artifacts, make)
    (found.folder / name).write_text("damaged")
    again, reused = obtain(artifacts, make)
    assert not reused
    assert again.read_json("a.json") == "text"
    assert [p.name.partition(".")[2][:7] for p in found.folder.parent.iterdir() if "." in p.name] == ["damaged"]


def test_a_missing_file_counts_as_damage(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path)
    found, _ = obtain(artifacts, Making())
    (found.folder / "a.json").unlink()
    assert artifacts.get("select", "abc", HERE) is None


def test_what_was_made_on_this_machine_comes_first(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path)
    obtain(artifacts, Making("here", "aaa"), HERE)
    obtain(artifacts, Making("there", "bbb"), THERE, since=float("inf"))
    for maker, expected in ((HERE, "aaa"), (THERE, "bbb")):
        found = artifacts.get("select", "abc", maker)
        assert found is not None
        assert found.manifest.content == expected


def test_the_same_content_made_afresh_is_attested_anew_and_stays_intact(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path)
    first, _ = obtain(artifacts, Making("first"))
    second, reused = obtain(artifacts, Making("second"), since=math.nextafter(first.manifest.made, math.inf))
    assert not reused
    kept = artifacts.get("select", "abc", HERE, since=second.manifest.made)
    assert kept is not None
    assert kept.read_json("a.json") == "first"


def test_nothing_is_left_of_what_could_not_be_made(tmp_path: Path) -> None:
    def fails(folder: Path) -> str:
        (folder / "half").write_text("x")
        raise RuntimeError("no")

    artifacts = Artifacts(tmp_path)
    with pytest.raises(RuntimeError, match="no"):
        artifacts.obtain("select", {}, "abc", HERE, fails)
    assert list((tmp_path / "artifacts" / "select" / "abc").iterdir()) == []


def test_a_disk_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "artifacts").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        obtain(Artifacts(tmp_path), Making())
