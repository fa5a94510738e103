"""A disk that is full, read-only or gone: a sentence, nothing written is lost, and the same command completes it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from small_studies import Silent, called, launched, records, small, written

from harness.launch import launch
from harness.place import Orders
from harness.schema import Json
from harness.study_file import load_study

pytestmark = pytest.mark.slow

STUDY = small(collectors=["accuracy", "macs", "params"], criteria=["last", "first"])
Mount = Callable[..., None]


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Mount]:
    """Gives `tmp_path / "results"` as a disk of its own, with the options of mount; root alone may do that."""
    place = tmp_path / "results"
    place.mkdir()

    def mount(*options: str) -> None:
        done = subprocess.run(["mount", *options, str(place)], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"a disk of its own cannot be had here: {done.stderr.strip()}")

    if os.getuid() or shutil.which("mount") is None:
        pytest.skip("only root can mount a small disk")
    mount("-t", "tmpfs", "-o", "size=220k", "tmpfs")
    yield mount
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_study_whose_disk_is_full_is_completed_by_the_same_command_once_there_is_room(
    tmp_path: Path, mounted: Mount
) -> None:
    written(tmp_path, STUDY)
    first = called(tmp_path, "run", "study.yaml", "--device", "cpu")
    said = first.stdout + first.stderr
    assert first.returncode in (1, 2)
    assert "no space is left on its disk" in said
    assert "Traceback" not in said
    kept = {trial: runs for trial, runs in records(tmp_path / "results", "small").items() if runs[-1].status == "ok"}
    mounted("-o", "remount,size=64m")
    summary = launched(tmp_path / "study.yaml", tmp_path / "results")
    assert (len(summary.ok), summary.failed, summary.held_back) == (summary.total - len(kept), {}, {})
    after = records(tmp_path / "results", "small")
    assert all(after[trial][: len(runs)] == runs for trial, runs in kept.items())


def test_a_read_only_results_folder_is_told_and_still_read(tmp_path: Path, mounted: Mount) -> None:
    written(tmp_path, small())
    mounted("-o", "remount,size=64m")
    assert called(tmp_path, "plan", "study.yaml").returncode == 0
    mounted("-o", "remount,ro")
    done = called(tmp_path, "run", "study.yaml", "--device", "cpu")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "lies on a read-only file system\n1 problem; nothing was run" in done.stderr
    assert called(tmp_path, "plan", "study.yaml").returncode == 0


class Mover(Silent):
    """Moves the results away as soon as the first trial has ended."""

    def __init__(self, results: Path, to: Path) -> None:
        super().__init__()
        self.results, self.to = results, to

    def hears(self, event: dict[str, Json]) -> None:
        if event["event"] == "ended" and not self.to.exists():
            self.results.rename(self.to)


def good(results: Path) -> set[str]:
    """The trials whose newest record there is a good one."""
    return {trial for trial, runs in records(results, "small").items() if runs[-1].status == "ok"}


def test_a_results_folder_that_disappears_is_made_anew_and_what_was_written_is_where_it_went(tmp_path: Path) -> None:
    results, gone = tmp_path / "results", tmp_path / "gone"
    study: dict[str, Any] = STUDY
    file = load_study(written(tmp_path, study))
    summary = launch(file, results, Orders(device="cpu"), Mover(results, gone))
    assert summary.failed or summary.left
    assert summary.ok
    # The trial that ran at that moment may write where the folder was: its record is in the one made anew.
    assert set(summary.ok) <= good(gone) | good(results)
    again = launched(tmp_path / "study.yaml", results)
    assert (again.failed, again.held_back, again.left) == ({}, {}, 0)
