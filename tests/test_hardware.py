"""The stable facts of a machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness import hardware, nvml
from harness.nvml import Gpu


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


def test_the_processor_has_its_trade_name(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Some CPU @ 3 GHz\nflags\t: x\n")
    assert hardware.cpu_model(tmp_path / "cpuinfo") == "Some CPU @ 3 GHz"


def test_a_caller_cannot_change_the_facts() -> None:
    hardware.machine_fields().clear()
    assert hardware.machine_fields()
