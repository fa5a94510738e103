"""NVIDIA's library: which cards there are, who computes on them, and answers that it refuses."""

from __future__ import annotations

import sys

import pytest
from fake_nvml import PROCESSES, Card, Process, play

from harness import nvml


def test_without_the_library_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert nvml.gpus() == ()
    assert nvml.driver() is None
    assert nvml.foreign_processes() is None


def test_without_a_driver_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = play(monkeypatch, Card())

    def refuse() -> None:
        raise fake.NVMLError("Driver Not Loaded")

    monkeypatch.setattr(fake, "nvmlInit", refuse)
    assert nvml.gpus() == ()
    assert nvml.foreign_processes() is None


def test_processes_that_may_not_be_listed_are_unknown_and_not_none(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = play(monkeypatch, Card("GPU-a", refuses=frozenset({PROCESSES})))
    assert nvml.foreign_processes() is None

    def refuse() -> int:
        raise fake.NVMLError("Unknown Error")

    monkeypatch.setattr(fake, "nvmlDeviceGetCount", refuse)
    assert nvml.foreign_processes() is None
    assert nvml.gpus() == ()


def test_in_a_container_nobody_can_tell_whose_a_process_is(monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, Card("GPU-a", processes=[Process(99999)]), host_ids=False)
    assert nvml.foreign_processes() is None


def test_a_process_on_two_gpus_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, Card("GPU-a", processes=[Process(1), Process(2)]), Card("GPU-b", processes=[Process(1)]))
    assert nvml.foreign_processes() == 2


def test_a_gpu_is_described_without_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = play(monkeypatch, Card("GPU-a"))
    assert nvml.gpus() == (nvml.Gpu("A GPU", 80 * 2**30, "9.0"),)
    assert nvml.driver() == "550.1"
    assert fake.open_count == 0


def test_a_gpu_that_does_not_tell_its_memory_is_still_described(monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, Card("GPU-a", refuses=frozenset({"nvmlDeviceGetMemoryInfo"})))
    assert nvml.gpus() == (nvml.Gpu("A GPU", None, "9.0"),)


def test_a_lost_gpu_does_not_hide_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, Card("GPU-a", lost_at_s=-1.0), Card("GPU-b", name="Another"))
    assert [gpu.name for gpu in nvml.gpus()] == ["Another"]
