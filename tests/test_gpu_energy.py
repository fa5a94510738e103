"""The energy counter of a GPU: which card's it is, who is counted in, and when there is none."""

from __future__ import annotations

import os
import sys

import pytest
from fake_nvml import ENERGY, PROCESSES, Card, Process, play

from harness.gpu_energy import open_meter
from harness.meters import CounterError

SECOND = "00000000:02:00.0"


def test_the_gpu_is_found_by_uuid_and_not_by_index(monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, Card("GPU-a", start_j=1.0), Card("GPU-b", start_j=7.0))
    with open_meter("GPU-b", None) as meter:
        assert meter.energy_j() == 7.0


@pytest.mark.parametrize("uuid", [None, "GPU-unknown"])
def test_the_bus_id_serves_where_the_uuid_does_not(monkeypatch: pytest.MonkeyPatch, uuid: str | None) -> None:
    play(monkeypatch, Card("GPU-a"), Card("GPU-b", SECOND, start_j=7.0))
    with open_meter(uuid, SECOND) as meter:
        assert meter.energy_j() == 7.0


@pytest.mark.parametrize(
    ("card", "why"),
    [
        (Card("GPU-a", is_partitioned=True), "partitioned"),
        (Card("GPU-a", refuses=frozenset({ENERGY})), r"cannot be read \(Insufficient Permissions\)"),
        (Card("GPU-z"), "does not know the GPU"),
    ],
)
def test_a_gpu_without_a_counter_of_its_own_is_an_error(monkeypatch: pytest.MonkeyPatch, card: Card, why: str) -> None:
    fake = play(monkeypatch, card)
    with pytest.raises(CounterError, match=why), open_meter("GPU-a", None):
        pass
    assert fake.open_count == 0


@pytest.mark.parametrize(
    ("pids", "host_ids", "expected"),
    [
        ([os.getpid()], True, None),
        ([os.getpid(), 1], True, "1 other process on the GPU would be counted in"),
        ([os.getpid(), 1, 1], True, "2 other processes on the GPU would be counted in"),
        ([99998], False, None),
        ([99998, 99999], False, "1 other process on the GPU would be counted in"),
        ([0, 0, 0], False, "2 other processes on the GPU would be counted in"),
    ],
)
def test_this_process_is_not_a_stranger_on_its_gpu(
    monkeypatch: pytest.MonkeyPatch, pids: list[int], host_ids: bool, expected: str | None
) -> None:
    play(monkeypatch, Card("GPU-a", processes=[*map(Process, pids)]), host_ids=host_ids)
    with open_meter("GPU-a", None) as meter:
        assert meter.others() == expected


def test_a_list_that_hides_this_process_may_hide_others(monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, Card("GPU-a", processes=[]))
    with open_meter("GPU-a", None) as meter, pytest.raises(CounterError, match="lacks this one"):
        meter.others()


def test_an_unknown_power_limit_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, Card("GPU-a", refuses=frozenset({"nvmlDeviceGetEnforcedPowerLimit"})))
    with open_meter("GPU-a", None) as meter:
        assert meter.power_limit_w() is None


def test_processes_that_may_not_be_listed_are_an_error_and_not_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, Card("GPU-a", refuses=frozenset({PROCESSES})))
    with open_meter("GPU-a", None) as meter, pytest.raises(CounterError, match="processes cannot be listed"):
        meter.others()


def test_without_the_library_there_is_no_counter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(CounterError, match="nvidia-ml-py is absent"), open_meter("GPU-a", None):
        pass
