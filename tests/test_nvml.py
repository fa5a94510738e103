"""NVIDIA's library, played by a fake: addresses, partitions, processes, counters."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from harness import nvml


class FakeError(Exception):
    """What the library raises."""


@dataclass
class Card:
    """One GPU; `millijoules` None: it has no counter."""

    uuid: str
    bus_id: str = "00000000:01:00.0"
    millijoules: int | None = 5000
    pids: list[int] = field(default_factory=list)
    is_partitioned: bool = False


@dataclass
class FakeNvml:
    """As much of `pynvml` as is called; `open_count` tells whether every start was ended."""

    cards: list[Card]
    open_count: int = 0
    NVMLError: type[Exception] = FakeError
    NVML_DEVICE_MIG_ENABLE: int = 1

    def nvmlInit(self) -> None:  # noqa: N802  # the library's names
        self.open_count += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.open_count -= 1

    def nvmlSystemGetDriverVersion(self) -> str:  # noqa: N802
        return "550.1"

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Card:  # noqa: N802
        return self.cards[index]

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> Card:  # noqa: N802
        return self._found(card for card in self.cards if card.uuid == uuid)

    def nvmlDeviceGetHandleByPciBusId(self, bus_id: str) -> Card:  # noqa: N802
        return self._found(card for card in self.cards if card.bus_id == bus_id)

    def _found(self, cards: Any) -> Card:
        card: Card | None = next(cards, None)
        if card is None:
            raise FakeError("not found")
        return card

    def nvmlDeviceIsMigDeviceHandle(self, card: Card) -> bool:  # noqa: N802
        return False

    def nvmlDeviceGetMigMode(self, card: Card) -> tuple[int, int]:  # noqa: N802
        return int(card.is_partitioned), 0

    def nvmlDeviceGetTotalEnergyConsumption(self, card: Card) -> int:  # noqa: N802
        if card.millijoules is None:
            raise FakeError("not supported")
        return card.millijoules

    def nvmlDeviceGetComputeRunningProcesses(self, card: Card) -> list[SimpleNamespace]:  # noqa: N802
        return [SimpleNamespace(pid=pid) for pid in card.pids]

    def nvmlDeviceGetCudaComputeCapability(self, card: Card) -> tuple[int, int]:  # noqa: N802
        return 9, 0

    def nvmlDeviceGetMemoryInfo(self, card: Card) -> SimpleNamespace:  # noqa: N802
        return SimpleNamespace(total=80 * 2**30)

    def nvmlDeviceGetName(self, card: Card) -> str:  # noqa: N802
        return "A GPU"

    def nvmlDeviceGetEnforcedPowerLimit(self, card: Card) -> int:  # noqa: N802
        raise FakeError("not supported")


def play(monkeypatch: pytest.MonkeyPatch, *cards: Card, host_ids: bool = True) -> FakeNvml:
    fake = FakeNvml(list(cards))
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    monkeypatch.setattr(nvml, "_has_host_ids", lambda: host_ids)
    return fake


def test_the_gpu_is_found_by_uuid_and_not_by_index(monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, Card("GPU-a", millijoules=1000), Card("GPU-b", millijoules=7000))
    with nvml.open_meter("GPU-b", None) as meter:
        assert meter.energy_j() == 7.0


def test_the_bus_id_serves_where_the_uuid_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, Card("GPU-a"), Card("GPU-b", "00000000:02:00.0", 7000))
    with nvml.open_meter(None, "00000000:02:00.0") as meter:
        assert meter.energy_j() == 7.0


@pytest.mark.parametrize(
    ("card", "why"),
    [
        (Card("GPU-a", is_partitioned=True), "partitioned"),
        (Card("GPU-a", millijoules=None), "cannot be read"),
        (Card("GPU-z"), "does not know the GPU"),
    ],
)
def test_a_gpu_without_a_counter_of_its_own_is_an_error(monkeypatch: pytest.MonkeyPatch, card: Card, why: str) -> None:
    fake = play(monkeypatch, card)
    with pytest.raises(nvml.CounterError, match=why), nvml.open_meter("GPU-a", None):
        pass
    assert fake.open_count == 0


def test_without_the_library_there_is_no_gpu_and_no_counter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert nvml.gpus() == ()
    assert nvml.driver() is None
    assert nvml.foreign_processes() is None
    with pytest.raises(nvml.CounterError, match="nvidia-ml-py is absent"), nvml.open_meter("GPU-a", None):
        pass


@pytest.mark.parametrize(
    ("pids", "host_ids", "expected"),
    [
        ([], True, 0),
        ([os.getpid()], True, 0),
        ([os.getpid(), 1], True, 1),
        ([99998], False, 0),
        ([99998, 99999], False, 1),
    ],
)
def test_this_process_is_not_a_stranger_on_its_gpu(
    monkeypatch: pytest.MonkeyPatch, pids: list[int], host_ids: bool, expected: int
) -> None:
    play(monkeypatch, Card("GPU-a", pids=pids), host_ids=host_ids)
    with nvml.open_meter("GPU-a", None) as meter:
        assert meter.foreign_processes() == expected


def test_in_a_container_nobody_can_tell_whose_a_process_is(monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, Card("GPU-a", pids=[99999]), host_ids=False)
    assert nvml.foreign_processes() is None


def test_a_process_on_two_gpus_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, Card("GPU-a", pids=[1, 2]), Card("GPU-b", pids=[1]))
    assert nvml.foreign_processes() == 2


def test_a_gpu_is_described_without_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = play(monkeypatch, Card("GPU-a"))
    assert nvml.gpus() == (nvml.Gpu("A GPU", 80 * 2**30, "9.0"),)
    assert nvml.driver() == "550.1"
    assert fake.open_count == 0


def test_a_gpu_that_does_not_tell_its_memory_is_still_described(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = play(monkeypatch, Card("GPU-a"))
    monkeypatch.setattr(fake, "nvmlDeviceGetMemoryInfo", fake.nvmlDeviceGetEnforcedPowerLimit)
    assert nvml.gpus() == (nvml.Gpu("A GPU", None, "9.0"),)


def test_an_unknown_power_limit_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, Card("GPU-a"))
    with nvml.open_meter("GPU-a", None) as meter:
        assert meter.power_limit_w() is None
