"""One name for one device, however it is numbered, in a folder that is the user's alone."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from harness import nvml
from harness.device_queue import FOLDER, lease_folder, lease_name, spread, visible_gpus
from harness.leases import lease
from harness.nvml import Gpu

UUIDS = ["GPU-aa", "GPU-bb", "GPU-cc"]


@pytest.fixture
def three_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.setattr(nvml, "gpus", lambda: tuple(Gpu("H100", 1, "9.0") for _ in UUIDS))
    monkeypatch.setattr(nvml, "uuid_at", lambda number: UUIDS[number] if number < len(UUIDS) else None)


@pytest.mark.usefixtures("three_gpus")
@pytest.mark.parametrize(("listed", "device"), [("2", "cuda:0"), ("0,2", "cuda:1"), ("GPU-aa, GPU-cc", "cuda:1")])
def test_a_gpu_has_one_lease_under_every_number(monkeypatch: pytest.MonkeyPatch, listed: str, device: str) -> None:
    plain = lease_name("cuda:2", 0)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", listed)
    assert lease_name(device, 5) == plain
    assert "GPU" not in plain


@pytest.mark.usefixtures("three_gpus")
def test_other_gpus_have_other_leases_and_slots_of_a_cpu_too() -> None:
    names = {lease_name(f"cuda:{number}", 0) for number in range(3)} | {lease_name("cpu", 0), lease_name("cpu", 1)}
    assert len(names) == 5


def test_jobs_of_slurm_do_not_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    names = []
    for job in ("17", "18"):
        monkeypatch.setenv("SLURM_JOB_ID", job)
        names.append(lease_name("cuda:0", 0))
    assert names[0] != names[1]


@pytest.mark.usefixtures("three_gpus")
def test_within_a_job_of_slurm_a_gpu_still_has_one_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    assert lease_name("cuda:0", 0) == lease_name("cuda:0", 1) == lease_name("cuda", 0)
    assert lease_name("cuda:0", 0) != lease_name("cuda:1", 0)


@pytest.mark.usefixtures("three_gpus")
def test_workers_side_by_side_take_the_next_gpu_unless_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [spread("cuda", slot) for slot in range(4)] == ["cuda:0", "cuda:1", "cuda:2", "cuda:0"]
    assert spread("cuda:1", 2) == "cuda:1"
    assert spread("cpu", 1) == "cpu"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert (visible_gpus(), spread("auto", 3)) == (1, "cuda:0")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert (visible_gpus(), spread("auto", 3)) == (0, "auto")


def test_a_folder_that_others_could_write_to_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own, otherwise = tmp_path / "own", tmp_path / "results"
    monkeypatch.setenv(FOLDER, str(own))
    assert lease_folder(otherwise) == own
    assert own.stat().st_mode & 0o777 == 0o700
    own.chmod(0o777)
    assert lease_folder(otherwise) == otherwise
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    monkeypatch.setenv(FOLDER, str(link))
    assert lease_folder(otherwise) == otherwise
    monkeypatch.setenv(FOLDER, os.devnull)
    assert lease_folder(otherwise) == otherwise


def test_two_that_want_one_device_have_it_one_after_the_other(tmp_path: Path) -> None:
    held: list[str] = []

    def trial(name: str) -> None:
        with lease(tmp_path / lease_name("cpu", 0)):
            held.append(f"{name} begins")
            time.sleep(0.2)
            held.append(f"{name} ends")

    threads = [threading.Thread(target=trial, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [line.partition(" ")[2] for line in held] == ["begins", "ends"] * 2
