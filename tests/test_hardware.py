"""The stable facts of a machine."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from fake_nvml import Card, play

from harness import hardware, kinds, nvml
from harness.nvml import Gpu
from harness.schema import Json


def test_the_class_is_ten_hex_digits_and_stays() -> None:
    assert re.fullmatch("[0-9a-f]{10}", hardware.machine_class("cpu"))
    assert hardware.machine_class("cpu") == hardware.machine_class("cpu")


def test_a_machine_is_another_one_on_its_gpu() -> None:
    assert hardware.machine_class("cuda:0") != hardware.machine_class("cpu")
    assert hardware.machine_class("cuda:0") == hardware.machine_class("cuda:1")


def test_an_idle_gpu_does_not_change_the_class_of_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = hardware.machine_class("cpu")
    monkeypatch.setattr(nvml, "gpus", lambda: (Gpu("A GPU", 2**36, "9.0"),))
    hardware._fields.cache_clear()
    beside = hardware.machine_class("cpu")
    hardware._fields.cache_clear()
    assert beside == alone


def test_the_number_of_visible_gpus_does_not_change_the_class(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for count in (1, 8):
        monkeypatch.setattr(nvml, "gpus", lambda count=count: (Gpu("A GPU", 2**36, "9.0"),) * count)
        hardware._fields.cache_clear()
        found.append(hardware.machine_fields())
    hardware._fields.cache_clear()
    assert found[0] == found[1]
    assert found[0]["gpus"] == ["A GPU"]
    assert found[0]["gpu_memory_gib"] == [64]


FACTS: dict[str, Json] = {
    "system": "Linux",
    "architecture": "x86_64",
    "cpu": "Some CPU @ 3 GHz",
    "cores_physical": 4,
    "cores_logical": 8,
    "memory_gib": 64,
    "gpus": ["A GPU"],
    "gpu_capabilities": ["9.0"],
    "gpu_memory_gib": [80],
    "driver": "550.1",
}


def test_the_class_of_a_machine_is_the_same_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "_fields", lambda: FACTS)
    assert hardware.machine_class("cpu") == "6ca175cb01"
    assert hardware.machine_class("cuda:0") == "0c185de9b5"


def test_new_facts_do_not_change_the_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "_fields", lambda: {**FACTS, **hardware.machine_details(None, None), "new": 1})
    assert hardware.machine_class("cpu") == "6ca175cb01"
    assert hardware.machine_class("cuda:0") == "0c185de9b5"


def test_every_fact_of_the_class_is_found() -> None:
    assert set(hardware.machine_fields()) == {*kinds.OF_CPUS, *kinds.OF_GPUS}


def test_the_card_is_told_by_a_digest_and_not_by_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, Card("GPU-0aa1-secret", "00000000:02:00.0"))
    details = hardware.machine_details("GPU-0aa1-secret", "00000000:02:00.0")
    card = details["gpu"]
    assert isinstance(card, dict)
    assert card["uuid_sha256"] == hashlib.sha256(b"GPU-0aa1-secret").hexdigest()[:12]
    assert (card["name"], card["power_limit_w"], card["sm_clock_max_mhz"]) == ("A GPU", 300.0, 1980)
    assert not re.search("secret|0000:0", str(details))


def test_without_a_card_only_the_processors_are_described() -> None:
    details = hardware.machine_details(None, None)
    assert details["gpu"] is None
    topology = details["cpu_topology"]
    assert isinstance(topology, dict)
    assert set(topology) == {"sockets", "cores", "threads_per_core", "max_mhz", "caches_bytes"}


def test_the_processor_has_its_trade_name(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Some CPU @ 3 GHz\nflags\t: x\n")
    assert hardware.cpu_model(tmp_path / "cpuinfo") == "Some CPU @ 3 GHz"


def test_a_caller_cannot_change_the_facts() -> None:
    hardware.machine_fields().clear()
    assert hardware.machine_fields()
