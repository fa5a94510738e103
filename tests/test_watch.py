"""What the counters of two moments say about a timing between them, from files as Linux writes them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.cpu_time import CpuTime
from harness.watch import Counters, Verdict, counters, judged, worst

BEFORE = Counters(CpuTime(100.0, 400.0, 10.0, 4), 3, 5, 0, 0)


def after(busy: float = 2.0, own: float = 2.0, stolen: float = 0.0, seconds: float = 1.0) -> Counters:
    """So many CPU seconds later, on four CPUs."""
    return replace(BEFORE, cpu=CpuTime(100.0 + busy, 400.0 + 4 * seconds, 10.0 + own, 4, stolen))


def test_a_machine_that_did_nothing_else_is_fit() -> None:
    verdict = judged(BEFORE, after())
    assert (verdict.quality, verdict.reasons) == ("ok", ())
    assert verdict.facts["own_cpus"] == pytest.approx(2.0)
    assert verdict.facts["foreign_cpus"] == pytest.approx(0.0)


def test_others_beyond_a_tenth_of_the_cpus_are_noise() -> None:
    assert judged(BEFORE, after(busy=2.3)).quality == "ok"
    verdict = judged(BEFORE, after(busy=2.5))
    assert verdict.quality == "noisy"
    assert verdict.reasons == ("noisy: other processes used 0.5 of the machine's 4 CPUs meanwhile",)


def test_stolen_time_is_told_apart_from_other_processes() -> None:
    verdict = judged(BEFORE, after(busy=2.2, stolen=0.2))
    assert verdict.reasons == ("noisy: the hypervisor gave 5% of the CPU time to other machines",)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"quota_stops": 5}, "the container's CPU limit stopped the process 2 times"),
        ({"thermal_stops": 6}, "the CPU was slowed down 1 times"),
        ({"swapped_in": 40}, "40 pages had to be read from disk"),
    ],
)
def test_a_machine_that_was_held_back_taints(change: dict[str, int], reason: str) -> None:
    verdict = judged(BEFORE, replace(after(), **change))  # type: ignore[arg-type]  # whole numbers all
    assert verdict.quality == "tainted"
    assert reason in verdict.reasons[0]


def test_what_nobody_tells_is_no_verdict() -> None:
    silent = Counters(None, None, None, 0, 0)
    assert judged(silent, silent).quality == "ok"
    assert "foreign_cpus" not in judged(silent, silent).facts


def test_the_worst_of_several_verdicts_counts_and_every_reason_is_kept() -> None:
    both = worst([Verdict("noisy", ("a",)), Verdict("tainted", ("b",)), Verdict("ok", ("a",))])
    assert (both.quality, both.reasons) == ("tainted", ("a", "b"))
    assert worst([]).quality == "ok"


def test_counters_are_read_from_the_files_of_either_generation(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    lines = ["cpu  100 0 50 800 10 5 5 30 0 0", "cpu0 50 0 25 400 5 2 3 15 0 0", "cpu1 50 0 25 400 5 3 2 15 0 0"]
    (tmp_path / "proc/stat").write_text("\n".join(lines) + "\nintr 1\n")
    old = tmp_path / "sys/fs/cgroup/cpu"
    old.mkdir(parents=True)
    (old / "cpu.stat").write_text("nr_periods 9\nnr_throttled 4\nthrottled_time 8\n")
    throttle = tmp_path / "sys/devices/system/cpu/cpu1/thermal_throttle"
    throttle.mkdir(parents=True)
    (throttle / "core_throttle_count").write_text("7\n")
    found = counters(tmp_path)
    assert found.cpu is not None
    assert (found.cpu.cpus, found.cpu.stolen_s > 0) == (2, True)
    assert (found.quota_stops, found.thermal_stops) == (4, 7)


def test_a_system_without_such_files_tells_nothing(tmp_path: Path) -> None:
    found = counters(tmp_path)
    assert (found.cpu, found.quota_stops, found.thermal_stops) == (None, None, None)


@pytest.mark.parametrize(
    ("group", "folder"),
    [("0::/job_7/step_0", "job_7/step_0"), ("4:cpu,cpuacct:/job_7\n0::/", "cpu/job_7")],
    ids=["second generation", "first generation"],
)
def test_the_quota_is_that_of_the_process_and_not_of_the_machine(tmp_path: Path, group: str, folder: str) -> None:
    own = tmp_path / "sys/fs/cgroup" / folder
    own.mkdir(parents=True)
    (own / "cpu.stat").write_text("nr_throttled 3\n")
    (tmp_path / "sys/fs/cgroup/cpu").mkdir(exist_ok=True)
    (tmp_path / "sys/fs/cgroup/cpu/cpu.stat").write_text("nr_throttled 99\n")
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(group + "\n")
    assert counters(tmp_path).quota_stops == 3
