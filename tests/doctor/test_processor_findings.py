"""What the doctor says about a processor in a given state."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from conftest import FakeClock

from harness.doctor import processor
from harness.schema import Json

STATE: dict[str, Json] = {
    "load_1_min": 0.5,
    "usable_cpus": 8,
    "cpu_limit": None,
    "memory_limit_bytes": None,
    "governor": "performance",
}
MACHINE: dict[str, Json] = {"cpu": "Some CPU", "cores_physical": 8, "memory_gib": 64}


def state(**changes: Json) -> Mapping[str, Json]:
    return {**STATE, **changes}


@pytest.mark.parametrize(
    ("load", "limit", "can"),
    [(0.5, None, True), (4.0, None, True), (4.1, None, False), (1.5, 2.0, False), (None, None, False)],
)
def test_the_cpus_are_quiet_below_half_of_what_may_be_used(load: Json, limit: Json, can: bool) -> None:
    found = processor.quiet(state(load_1_min=load, cpu_limit=limit))
    assert found.can is can
    assert (found.improve is None) is can


@pytest.mark.parametrize(("governor", "can"), [("performance", True), ("powersave", False), (None, False)])
def test_only_the_governor_for_performance_keeps_the_clock(governor: Json, can: bool) -> None:
    found = processor.clock_rate(state(governor=governor))
    assert found.can is can
    assert "unknown" not in found.why


@pytest.mark.parametrize(("limit", "can"), [(None, True), (8.0, True), (2.5, False)])
def test_a_quota_below_the_cpus_is_told(limit: Json, can: bool) -> None:
    found = processor.quota(state(cpu_limit=limit))
    assert found.can is can
    assert can or "2.5 of 8 CPUs" in found.why


@pytest.mark.parametrize(("limit", "can"), [(None, True), (64 * 2**30, True), (4 * 2**30, False)])
def test_a_limit_below_the_memory_is_told(limit: Json, can: bool) -> None:
    found = processor.memory(state(memory_limit_bytes=limit), MACHINE)
    assert found.can is can
    assert can or "4.0 of 64 GiB" in found.why


def test_more_threads_than_cpus_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert processor.threads(state(usable_cpus=512)).can
    crowded = processor.threads(state(cpu_limit=0.5))
    assert not crowded.can
    assert "OMP_NUM_THREADS=1 " in (crowded.improve or "")


@pytest.mark.parametrize(("policy", "can"), [(None, True), ("PASSIVE", True), ("active", False), ("/home/a", False)])
def test_threads_must_not_spin_and_the_value_is_not_repeated(policy: str | None, can: bool) -> None:
    found = processor.waiting(policy)
    assert found.can is can
    assert "/home/a" not in found.why


@pytest.mark.parametrize(
    ("text", "bf16", "fp16"),
    [
        ("processor : 0\nflags\t\t: fpu avx512f avx512_bf16 amx_bf16 avx512_fp16\nbugs : x\n", True, True),
        ("flags\t\t: fpu avx2 f16c avx512_bf16\n", True, False),
        ("flags\t\t: fpu avx2 f16c xavx512_bf16\n", False, False),
        ("Features\t: fp asimd asimdhp bf16\n", True, True),
        ("", False, False),
    ],
)
def test_a_format_is_the_cpus_own_where_its_flags_say_so(tmp_path: Path, text: str, bf16: bool, fp16: bool) -> None:
    (tmp_path / "cpuinfo").write_text(text)
    assert processor.number_format("bf16", tmp_path / "cpuinfo").can is bf16
    assert processor.number_format("fp16", tmp_path / "cpuinfo").can is fp16
    assert not processor.number_format("bf16", tmp_path / "absent").can


class Rising(FakeClock):
    """A clock beside which a counter, a real file, rises by a joule every second reading."""

    def __init__(self, counter: Path) -> None:
        super().__init__()
        self.counter, self.readings = counter, 0

    def now(self) -> float:
        self.readings += 1
        self.time_s += 0.001
        self.counter.write_text(str(1_000_000 * (self.readings // 2)))
        return self.time_s


def test_rapl_is_found_where_it_can_be_read(tmp_path: Path) -> None:
    assert not processor.rapl(FakeClock(), tmp_path).can
    folder = tmp_path / "intel-rapl:0"
    folder.mkdir()
    (folder / "name").write_text("package-0")
    (folder / "energy_uj").write_text("0")
    found = processor.rapl(Rising(folder / "energy_uj"), tmp_path)
    assert found.can
    assert found.why == "RAPL package-0 can be read and moves every 2.0 ms"


def test_closed_rapl_says_how_it_is_opened(tmp_path: Path) -> None:
    folder = tmp_path / "intel-rapl:0"
    (folder / "energy_uj").mkdir(parents=True)  # cannot be read, whoever asks
    (folder / "name").write_text("package-0")
    found = processor.rapl(FakeClock(), tmp_path)
    assert not found.can
    assert found.why == "RAPL counters are there, but only the administrator may read them"
    assert "chmod a+r" in (found.improve or "")


def test_without_a_switch_the_peak_cannot_be_reset(tmp_path: Path) -> None:
    assert not processor.peak_memory(tmp_path / "absent").can
