"""Whose time the processors' time is."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from harness.cpu_time import CpuTime, cpu_time, foreign_cpus

HERTZ = os.sysconf("SC_CLK_TCK")


def test_busy_is_all_but_idle_and_waiting_and_guests_count_once(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text("cpu  100 20 30 4000 500 6 7 8 90 9\ncpu0 1 1 1 1\ncpu1 1 1 1 1\nctxt 1\n")
    found = cpu_time(tmp_path / "stat", lambda: 1.5)
    assert found == CpuTime(171 / HERTZ, 4671 / HERTZ, 1.5, 2, 8 / HERTZ)


@pytest.mark.parametrize("text", ["", "cpu\n", "cpu a b c d e\ncpu0 1\n", "intr 5\n"])
def test_a_file_that_tells_nothing_gives_none(tmp_path: Path, text: str) -> None:
    assert cpu_time(tmp_path / "absent") is None
    (tmp_path / "stat").write_text(text)
    assert cpu_time(tmp_path / "stat") is None


def test_what_is_not_ones_own_is_foreign() -> None:
    begin, end = CpuTime(10.0, 100.0, 5.0, 4), CpuTime(17.0, 108.0, 8.0, 4)
    assert foreign_cpus(begin, end) == pytest.approx((7.0 - 3.0) / 2.0)


def test_no_less_than_nothing_is_foreign_and_no_time_tells_nothing() -> None:
    begin = CpuTime(10.0, 100.0, 5.0, 4)
    assert foreign_cpus(begin, CpuTime(10.0, 104.0, 5.5, 4)) == 0.0
    assert foreign_cpus(begin, begin) is None


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/stat is Linux's")
def test_the_system_tells_and_ones_own_work_is_in_it() -> None:
    begin = cpu_time()
    assert begin is not None
    while time.process_time() < begin.own_s + 0.1:
        sum(range(10_000))
    end = cpu_time()
    assert end is not None
    assert end.own_s - begin.own_s >= 0.1
    assert end.busy_s >= begin.busy_s
    assert end.total_s >= begin.total_s
