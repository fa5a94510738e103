"""Thousands of trials are handed over as few job arrays, none larger than Slurm allows; the commands are stand-ins."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from builders import Plan, records_of

from harness.executors.slurm import Slurm
from harness.jobs import Assignment, Job, JobFolder
from harness.resources import Resources

SCRIPTS = {
    "scontrol": "echo 'MaxArraySize            = {largest}'",
    "sbatch": (
        'for last; do :; done; cat "$last" >> {told}\n'
        "echo $(($(cat {number} 2>/dev/null || echo 0) + 1)) > {number}\n"
        'echo "Submitted batch job $(cat {number})"'
    ),
    "squeue": "exit 0",
    "scancel": "exit 0",
    "srun": "exit 0",
}


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The scripts that were handed to sbatch, one after another."""
    folder, told = tmp_path / "bin", tmp_path / "told"
    folder.mkdir()
    for name, body in SCRIPTS.items():
        path = folder / name
        path.write_text("#!/bin/sh\n" + body.format(largest=1001, told=told, number=tmp_path / "number") + "\n")
        path.chmod(0o700)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return told


def jobs(folder: JobFolder, count: int) -> list[Path]:
    folder.create()
    trial = records_of(Plan())[0].trial
    head = Job(id="j", study="s", results="", assignments=(Assignment(trial=trial, asked=()),), collectors=())
    return [folder.write(head.model_copy(update={"id": f"j-{number:04d}"})) for number in range(count)]


@pytest.mark.parametrize(("count", "sizes"), [(500, [500]), (1000, [1000]), (2010, [1000, 1000, 10])])
def test_jobs_go_as_arrays_no_larger_than_slurm_allows(
    told: Path, tmp_path: Path, count: int, sizes: list[int]
) -> None:
    folder = JobFolder(tmp_path, "s")
    handles = Slurm().start(jobs(folder, count), folder.logs, Resources(), "cpu")
    arrays = re.findall(r"^#SBATCH --array=0-(\d+)", told.read_text(), re.MULTILINE)
    assert [int(last) + 1 for last in arrays] == sizes
    assert len(handles) == len({str(handle.where()) for handle in handles}) == count


def test_ten_thousand_trials_are_five_hundred_jobs_of_one_array() -> None:
    assert len(Slurm().deal(range(10_000))) == 500
    dealt = Slurm().deal(range(100_000))
    assert (len(dealt), sum(map(len, dealt))) == (5_000, 100_000)
