"""NVIDIA's management library, played: its cards tick, go back, jump, stand still, refuse answers and disappear."""

# ruff: noqa: N802, N815  # the names are the library's

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from harness import nvml

ENERGY = "nvmlDeviceGetTotalEnergyConsumption"
PROCESSES = "nvmlDeviceGetComputeRunningProcesses"
NEVER = float("inf")


class FakeError(Exception):
    """What the library raises."""


@dataclass(frozen=True)
class Process:
    """An entry of the list of processes; the bytes are None where the driver does not count them."""

    pid: int
    usedGpuMemory: int | None = 2**30


@dataclass(frozen=True)
class Bytes:
    """What the memory of a card holds."""

    total: int
    used: int


@dataclass
class Card:
    """One GPU. It takes `watts` at rest and `work_j` beyond; what it shows of that moves once per tick.

    `refuses` names the questions that it does not answer. From the moments on: the tick is ten times as long
    (`slow_at_s`), the counter has started again (`reset_at_s`), has leapt by a megajoule (`leap_at_s`), does not move
    (`still_at_s`), the card is gone (`lost_at_s`).
    """

    uuid: str = "GPU-a"
    bus_id: str = "00000000:01:00.0"
    name: str = "A GPU"
    start_j: float = 5.0
    watts: float = 100.0
    work_j: float = 0.0
    tick_s: float = 0.02
    limit_w: float = 300.0
    processes: list[Process] = field(default_factory=list)
    is_partitioned: bool = False
    reasons: int = 0
    refuses: frozenset[str] = frozenset()
    slow_at_s: float = NEVER
    reset_at_s: float = NEVER
    leap_at_s: float = NEVER
    still_at_s: float = NEVER
    lost_at_s: float = NEVER
    _tick: int = -1
    _shown_j: float = 0.0

    def counter_j(self, now: float) -> float:
        """What the counter shows."""
        tick = int(min(now, self.still_at_s) / (self.tick_s * (10 if now > self.slow_at_s else 1)) + 1e-9)
        if tick != self._tick:
            reset = self.start_j + self.watts * self.reset_at_s if now > self.reset_at_s else 0.0
            leap = 1e6 if now > self.leap_at_s else 0.0
            self._tick, self._shown_j = tick, self.start_j + self.watts * now + self.work_j + leap - reset
        return self._shown_j


@dataclass
class FakeNvml:
    """As much of `pynvml` as is called; `open_count` tells whether every start was ended."""

    cards: list[Card]
    now: Callable[[], float] = lambda: 0.0
    open_count: int = 0
    NVMLError: type[Exception] = FakeError
    NVML_DEVICE_MIG_ENABLE: int = 1
    NVML_FEATURE_ENABLED: int = 1
    NVML_CLOCK_SM: int = 1
    NVML_CLOCK_MEM: int = 2
    NVML_TEMPERATURE_GPU: int = 0
    nvmlClocksThrottleReasonGpuIdle: int = 0x1
    nvmlClocksThrottleReasonApplicationsClocksSetting: int = 0x2
    nvmlClocksThrottleReasonSwPowerCap: int = 0x4
    nvmlClocksThrottleReasonHwSlowdown: int = 0x8
    nvmlClocksThrottleReasonSwThermalSlowdown: int = 0x20
    nvmlClocksThrottleReasonHwThermalSlowdown: int = 0x40
    nvmlClocksThrottleReasonHwPowerBrakeSlowdown: int = 0x80

    def _answers(self, card: Card, question: str) -> Card:
        if self.now() > card.lost_at_s:
            raise FakeError("GPU is lost")
        if question in card.refuses:
            raise FakeError("Insufficient Permissions")
        return card

    def nvmlInit(self) -> None:
        self.open_count += 1

    def nvmlShutdown(self) -> None:
        self.open_count -= 1

    def nvmlSystemGetDriverVersion(self) -> str:
        return "550.1"

    def nvmlDeviceGetCount(self) -> int:
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Card:
        return self._answers(self.cards[index], "nvmlDeviceGetHandleByIndex")

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> Card:
        return self._found(card for card in self.cards if card.uuid == uuid)

    def nvmlDeviceGetHandleByPciBusId(self, bus_id: str) -> Card:
        return self._found(card for card in self.cards if card.bus_id == bus_id)

    def _found(self, cards: Iterator[Card]) -> Card:
        card = next(cards, None)
        if card is None:
            raise FakeError("Not Found")
        return card

    def nvmlDeviceIsMigDeviceHandle(self, card: Card) -> bool:
        self._answers(card, "nvmlDeviceIsMigDeviceHandle")
        return False

    def nvmlDeviceGetMigMode(self, card: Card) -> tuple[int, int]:
        return int(self._answers(card, "nvmlDeviceGetMigMode").is_partitioned), 0

    def nvmlDeviceGetTotalEnergyConsumption(self, card: Card) -> int:
        return round(1000 * self._answers(card, ENERGY).counter_j(self.now()))

    def nvmlDeviceGetComputeRunningProcesses(self, card: Card) -> list[Process]:
        return list(self._answers(card, PROCESSES).processes)

    def nvmlDeviceGetCudaComputeCapability(self, card: Card) -> tuple[int, int]:
        self._answers(card, "nvmlDeviceGetCudaComputeCapability")
        return 9, 0

    def nvmlDeviceGetMemoryInfo(self, card: Card) -> Bytes:
        self._answers(card, "nvmlDeviceGetMemoryInfo")
        return Bytes(80 * 2**30, 3 * 2**30)

    def nvmlDeviceGetName(self, card: Card) -> str:
        return self._answers(card, "nvmlDeviceGetName").name

    def nvmlDeviceGetUUID(self, card: Card) -> str:
        return self._answers(card, "nvmlDeviceGetUUID").uuid

    def nvmlDeviceGetClockInfo(self, card: Card, kind: int) -> int:
        self._answers(card, "nvmlDeviceGetClockInfo")
        return {1: 1500, 2: 2600}[kind]

    def nvmlDeviceGetMaxClockInfo(self, card: Card, kind: int) -> int:
        self._answers(card, "nvmlDeviceGetMaxClockInfo")
        return {1: 1980, 2: 2619}[kind]

    def nvmlDeviceGetTemperature(self, card: Card, sensor: int) -> int:
        self._answers(card, "nvmlDeviceGetTemperature")
        return 41

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, card: Card) -> int:
        return self._answers(card, "nvmlDeviceGetCurrentClocksThrottleReasons").reasons

    def nvmlDeviceGetPersistenceMode(self, card: Card) -> int:
        self._answers(card, "nvmlDeviceGetPersistenceMode")
        return 1

    def nvmlDeviceGetPowerUsage(self, card: Card) -> int:
        return round(1000 * self._answers(card, "nvmlDeviceGetPowerUsage").watts)

    def nvmlDeviceGetEnforcedPowerLimit(self, card: Card) -> int:
        return round(1000 * self._answers(card, "nvmlDeviceGetEnforcedPowerLimit").limit_w)


def play(
    monkeypatch: pytest.MonkeyPatch, *cards: Card, host_ids: bool = True, now: Callable[[], float] = lambda: 0.0
) -> FakeNvml:
    """Puts the library with these cards in the place of NVIDIA's; `host_ids` False: as inside a container."""
    fake = FakeNvml(list(cards), now)
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    monkeypatch.setattr(nvml, "_has_host_ids", lambda: host_ids)
    return fake
