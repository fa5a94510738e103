"""What the doctor says about a GPU that ticks, is shared, held back, partitioned or gone."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from conftest import FakeClock
from fake_nvml import ENERGY, Card, Process, play

from harness.device import GpuAddress
from harness.doctor import Finding, gpu

Examine = Callable[..., dict[str, Finding]]


@pytest.fixture
def examine(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Examine:
    """The findings about a card, by name."""
    monkeypatch.setattr(time, "sleep", clock.advance)

    def findings(card: Card, host_ids: bool = True) -> dict[str, Finding]:
        play(monkeypatch, card, host_ids=host_ids, now=clock.now)
        found = gpu.gpu_findings(GpuAddress("GPU-a", None), "torch sees 1 GPU here", clock)
        assert [finding.what for finding in found if not finding.can and not finding.improve] == []
        return {finding.what: finding for finding in found}

    return findings


def test_a_free_card_with_set_clocks_can_do_all(examine: Examine) -> None:
    found = examine(Card(reasons=0x2))
    assert [finding.what for finding in found.values() if not finding.can] == []
    assert found[gpu.TIMINGS].why == "torch sees 1 GPU here: A GPU"
    assert found[gpu.CLOCK].why == "clocks are set (now 1500 of 1980 MHz)"
    assert found[gpu.ENERGY].why == "the counter can be read and moves every 20 ms; the power limit is 300 W"


def test_the_same_is_asked_with_and_without_a_gpu(examine: Examine, clock: FakeClock) -> None:
    without = gpu.gpu_findings(None, "torch sees no GPU here", clock)
    assert [finding.what for finding in without] == [*examine(Card())]
    assert {(finding.can, finding.why) for finding in without} == {(False, "torch sees no GPU here")}


@pytest.mark.parametrize(
    ("processes", "host_ids", "can", "why"),
    [
        ([], True, True, "0 other processes on the GPU"),
        ([Process(1)], True, False, "1 other process on the GPU"),
        ([Process(1)], False, False, "who computes on the GPU cannot be told, as in a container"),
    ],
)
def test_other_processes_are_counted_or_said_to_be_unknown(
    examine: Examine, processes: list[Process], host_ids: bool, can: bool, why: str
) -> None:
    found = examine(Card(processes=processes), host_ids)[gpu.ALONE]
    assert (found.can, found.why) == (can, why)


@pytest.mark.parametrize(
    ("card", "why"),
    [
        (Card(reasons=0x1), "no lock on the clock is seen"),
        (Card(reasons=0x40 | 0x2), "held back by hardware thermal slowdown"),
        (Card(refuses=frozenset({"nvmlDeviceGetCurrentClocksThrottleReasons"})), "does not tell"),
    ],
)
def test_a_clock_that_moves_is_not_steady(examine: Examine, card: Card, why: str) -> None:
    found = examine(card)[gpu.CLOCK]
    assert not found.can
    assert why in found.why


def test_a_partition_is_not_a_whole_gpu(examine: Examine) -> None:
    found = examine(Card(is_partitioned=True))
    assert not found[gpu.WHOLE].can
    assert not found[gpu.ENERGY].can
    assert examine(Card(refuses=frozenset({"nvmlDeviceGetMigMode"})))[gpu.WHOLE].can


@pytest.mark.parametrize(
    ("capability", "bf16", "fp16"),
    [("9.0", True, True), ("12.0", True, True), ("7.5", False, True), (None, False, False)],
)
def test_formats_follow_from_the_compute_capability(capability: str | None, bf16: bool, fp16: bool) -> None:
    assert gpu.number_format("bf16", capability).can is bf16
    assert gpu.number_format("fp16", capability).can is fp16


def test_a_counter_that_is_refused_stands_still_or_is_gone_is_no_counter(examine: Examine) -> None:
    assert "cannot be read" in examine(Card(refuses=frozenset({ENERGY})))[gpu.ENERGY].why
    assert examine(Card(still_at_s=0.0))[gpu.ENERGY].why == "the energy counter did not move within 2 s"
    lost = examine(Card(lost_at_s=-1.0))
    assert {finding.what for finding in lost.values() if finding.can} == {gpu.TIMINGS, gpu.WHOLE}
