"""Is the machine fit to measure."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness import machine, nvml
from harness.machine import fitness


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of four idle CPUs, without GPUs."""
    monkeypatch.setattr(machine, "_usable_cpus", lambda: 4)
    monkeypatch.setattr(os, "getloadavg", lambda: (0.1, 0.0, 0.0))
    monkeypatch.setattr(nvml, "foreign_processes", lambda: None)


def test_a_quiet_machine_has_no_warnings(tmp_path: Path) -> None:
    state = fitness(tmp_path / "governor", tmp_path)
    assert state["warnings"] == []
    assert state["governor"] is state["cpu_limit"] is state["memory_limit_bytes"] is None


@pytest.mark.parametrize(
    ("files", "cpus", "memory"),
    [
        ({"cpu.max": "150000 100000", "memory.max": "1073741824"}, 1.5, 2**30),
        ({"cpu.max": "max 100000", "memory.max": "max"}, None, None),
        (
            {
                "cpu/cpu.cfs_quota_us": "200000",
                "cpu/cpu.cfs_period_us": "100000",
                "memory/memory.limit_in_bytes": "4096",
            },
            2.0,
            4096,
        ),
        (
            {
                "cpu/cpu.cfs_quota_us": "-1",
                "cpu/cpu.cfs_period_us": "100000",
                "memory/memory.limit_in_bytes": "9223372036854771712",
            },
            None,
            None,
        ),
    ],
)
def test_the_limits_of_a_container_are_read(
    tmp_path: Path, files: dict[str, str], cpus: float | None, memory: int | None
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    state = fitness(tmp_path / "governor", tmp_path)
    assert (state["cpu_limit"], state["memory_limit_bytes"]) == (cpus, memory)


def test_load_is_judged_by_the_cpus_that_may_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (1.2, 0.0, 0.0))
    assert fitness(tmp_path / "governor", tmp_path)["warnings"] == []
    (tmp_path / "cpu.max").write_text("100000 100000\n")
    assert fitness(tmp_path / "governor", tmp_path)["warnings"] == [
        "the load average is 1.2 on 1 CPUs; timings will be noisy"
    ]


def test_a_saving_governor_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "governor").write_text("powersave\n")
    assert "governor is 'powersave', not 'performance'" in str(fitness(tmp_path / "governor", tmp_path)["warnings"])


def test_strangers_on_the_gpu_are_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvml, "foreign_processes", lambda: 3)
    assert str(fitness(tmp_path / "governor", tmp_path)["warnings"]).startswith("['3 other processes compute")
