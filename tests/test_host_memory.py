"""The process's peak where it cannot be reset."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.host_memory import RESOLUTION_PAGES, HostProbe, Peak

KIB = 1024


def process(folder: Path, resident: int, highest: int) -> Path:
    """A process of this size in KiB, whose high-water mark cannot be reset."""
    (folder / "status").write_text(f"Name:\tpython\nVmHWM:\t{highest:8} kB\nVmRSS:\t{resident:8} kB\n")
    (folder / "clear_refs").mkdir(exist_ok=True)
    return folder


def test_without_a_reset_a_new_maximum_is_seen(tmp_path: Path) -> None:
    probe = HostProbe(process(tmp_path, 100_000, 200_000))
    probe.start()
    process(tmp_path, 100_000, 300_000)
    peak = probe.stop()
    assert peak.above_bytes == 200_000 * KIB
    assert peak.method == "VmHWM without a reset"


def test_without_a_reset_a_lower_phase_is_hidden_and_said_so(tmp_path: Path) -> None:
    probe = HostProbe(process(tmp_path, 100_000, 200_000))
    probe.start()
    peak = probe.stop()
    assert peak.above_bytes is None
    assert (peak.reason or "").startswith("hidden")


def test_without_proc_the_system_is_asked(tmp_path: Path) -> None:
    probe = HostProbe(tmp_path / "absent")
    probe.start()
    assert probe.stop().method == "ru_maxrss without a reset"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_here_the_mark_can_be_reset() -> None:
    probe = HostProbe()
    probe.start()
    peak = probe.stop()
    assert peak.method == "VmHWM after a reset"
    assert peak.resolution_bytes >= RESOLUTION_PAGES * 4096


def test_a_rise_below_the_resolution_is_no_number() -> None:
    assert Peak(1_000_100, 1_000_000, 4096, "m").above_bytes is None
    assert Peak(1_004_096, 1_000_000, 4096, "m").above_bytes == 4096
