"""The state of a GPU at one moment, whole, in part and gone."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import sys
from pathlib import Path

import pytest
from fake_nvml import ENERGY, PROCESSES, Card, FakeNvml, Process, play

from harness.gpu_state import GpuState, gpu_state

GIB = 2**30


def test_a_card_tells_all_of_its_state(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = play(monkeypatch, Card(processes=[Process(os.getpid(), 2 * GIB), Process(1)]))
    assert gpu_state("GPU-a", None) == GpuState(
        name="A GPU",
        capability="9.0",
        uuid_digest=hashlib.sha256(b"GPU-a").hexdigest()[:12],
        sm_clock_mhz=1500,
        sm_clock_max_mhz=1980,
        memory_clock_mhz=2600,
        memory_clock_max_mhz=2619,
        temperature_c=41,
        throttle_reasons=(),
        are_clocks_set=False,
        power_w=100.0,
        power_limit_w=300.0,
        is_persistent=True,
        is_partitioned=False,
        foreign_processes=1,
        own_bytes=2 * GIB,
        device_used_bytes=3 * GIB,
        device_total_bytes=80 * GIB,
    )
    assert fake.open_count == 0


QUESTIONS = [
    name
    for name in dir(FakeNvml)
    if name.startswith("nvmlDeviceGet") and "Handle" not in name and name not in ("nvmlDeviceGetCount", ENERGY)
]


@pytest.mark.parametrize("question", QUESTIONS)
def test_one_answer_that_is_refused_leaves_the_others(monkeypatch: pytest.MonkeyPatch, question: str) -> None:
    play(monkeypatch, Card(processes=[Process(os.getpid())]))
    whole = dataclasses.asdict(gpu_state("GPU-a", None))
    play(monkeypatch, Card(processes=[Process(os.getpid())], refuses=frozenset({question})))
    part = dataclasses.asdict(gpu_state("GPU-a", None))
    gone = [name for name, value in part.items() if value is None]
    assert 1 <= len(gone) <= 2
    assert {name: value for name, value in whole.items() if name not in gone} == {
        name: value for name, value in part.items() if name not in gone
    }


def test_without_package_driver_or_card_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = play(monkeypatch, Card())
    assert gpu_state("GPU-z", None) == GpuState()
    assert fake.open_count == 0
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert gpu_state("GPU-a", None) == GpuState()


def test_a_gpu_that_is_lost_between_two_questions_is_told_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter(range(100))
    fake = play(monkeypatch, Card(lost_at_s=4.5), now=lambda: next(moments))
    found = gpu_state("GPU-a", None)
    assert found.name == "A GPU"
    assert found.power_w is None
    assert found.foreign_processes is None
    assert fake.open_count == 0


@pytest.mark.parametrize(
    ("reasons", "words", "are_set"),
    [
        (0x1, (), False),
        (0x2, (), True),
        (0x4 | 0x2, ("software power cap",), True),
        (0x40 | 0x8, ("hardware thermal slowdown", "hardware slowdown"), False),
        (0x20, ("software thermal slowdown",), False),
        (0x80, ("hardware power brake",), False),
    ],
)
def test_idling_and_chosen_clocks_are_not_throttling(
    monkeypatch: pytest.MonkeyPatch, reasons: int, words: tuple[str, ...], are_set: bool
) -> None:
    play(monkeypatch, Card(reasons=reasons))
    found = gpu_state("GPU-a", None)
    assert (found.throttle_reasons, found.are_clocks_set) == (words, are_set)


@pytest.mark.parametrize(
    ("processes", "host_ids", "holds_context", "foreign", "own"),
    [
        ([], True, False, 0, None),
        ([Process(os.getpid(), 5)], True, True, 0, 5),
        ([Process(os.getpid(), None)], True, True, 0, None),
        ([Process(1, 7)], True, False, 1, None),
        ([Process(99999, 7)], False, False, None, None),
        ([Process(99999, 7)], False, True, 0, 7),
        ([Process(99999, 7), Process(99998, 8)], False, True, 1, None),
        ([Process(0, None)], False, True, 0, None),
        ([], False, True, None, None),
    ],
)
def test_own_memory_is_told_only_where_the_entry_is_certain(
    monkeypatch: pytest.MonkeyPatch,
    processes: list[Process],
    host_ids: bool,
    holds_context: bool,
    foreign: int | None,
    own: int | None,
) -> None:
    play(monkeypatch, Card(processes=processes), host_ids=host_ids)
    found = gpu_state("GPU-a", None, holds_context)
    assert (found.foreign_processes, found.own_bytes) == (foreign, own)


def test_a_refused_list_of_processes_is_not_an_empty_one(monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, Card(refuses=frozenset({PROCESSES})))
    assert gpu_state("GPU-a", None).foreign_processes is None


def test_the_uuid_itself_is_not_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    play(monkeypatch, Card("GPU-1bb2-secret"))
    assert "secret" not in repr(gpu_state("GPU-1bb2-secret", None))
