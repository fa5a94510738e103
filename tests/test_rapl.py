"""The processor's energy counter, as files in a folder: which are summed, how they wrap, who else is counted in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.meters import CounterError
from harness.rapl import RaplMeter, open_rapl

HERTZ = os.sysconf("SC_CLK_TCK")


class Machine:
    """A tree of counters and a count of busy CPUs, both real files."""

    def __init__(self, root: Path) -> None:
        self.root, self.stat, self.own_s = root / "powercap", root / "stat", 0.0
        self.root.mkdir()
        self.spend(0.0, 0.0, 0.0)
        self._busy = self._idle = 0

    def domain(self, folder: str, name: str, microjoules: int | None, range_uj: int | None = 262_143_328_850) -> Path:
        place = self.root / folder
        place.mkdir()
        (place / "name").write_text(f"{name}\n")
        for file, value in (("energy_uj", microjoules), ("max_energy_range_uj", range_uj)):
            if value is not None:
                (place / file).write_text(f"{value}\n")
        return place

    def spend(self, own_s: float, other_s: float, idle_s: float) -> None:
        """Time passes on two CPUs: seconds of CPU for this process, for others, for nobody."""
        self._busy = getattr(self, "_busy", 0) + round((own_s + other_s) * HERTZ)
        self._idle = getattr(self, "_idle", 0) + round(idle_s * HERTZ)
        self.own_s += own_s
        self.stat.write_text(f"cpu  {self._busy} 0 0 {self._idle} 0 0 0 0 0 0\ncpu0 0 0 0 0\ncpu1 0 0 0 0\nintr 1\n")

    def open(self, threads: int = 2) -> RaplMeter:
        return open_rapl(threads, self.root, self.stat, lambda: self.own_s)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def raised(place: Path, microjoules: int) -> None:
    level = int((place / "energy_uj").read_text())
    (place / "energy_uj").write_text(f"{level + microjoules}\n")


def test_packages_and_their_memory_are_summed_and_nothing_twice(machine: Machine) -> None:
    rises = {
        machine.domain("intel-rapl:0", "package-0", 7): 1_000_000,
        machine.domain("intel-rapl:1", "package-1", 11): 2_000_000,
        machine.domain("intel-rapl:0:1", "dram", 5): 300_000,
        machine.domain("intel-rapl:1:1", "dram", 5): 400_000,
        machine.domain("intel-rapl:0:0", "core", 3): 10_000_000,
        machine.domain("intel-rapl:0:2", "uncore", 3): 20_000_000,
        machine.domain("intel-rapl:2", "psys", 3): 30_000_000,
        machine.domain("intel-rapl-mmio:0", "package-0", 3): 40_000_000,
    }
    (machine.root / "intel-rapl").mkdir()
    meter = machine.open()
    assert meter.energy_j() == 0.0
    for place, rise in rises.items():
        raised(place, rise)
    assert meter.energy_j() == pytest.approx(3.7)
    assert meter.counter == "RAPL package-0 + package-1 + dram-0 + dram-1"


def test_an_amd_machine_has_packages_without_memory(machine: Machine) -> None:
    place = machine.domain("intel-rapl:0", "package-0", 7, 65_532_610_987)
    machine.domain("intel-rapl:0:0", "core", 3, 65_532_610_987)
    meter = machine.open()
    raised(place, 2_500_000)
    assert meter.energy_j() == pytest.approx(2.5)
    assert meter.counter == "RAPL package-0"


def test_a_counter_that_wraps_goes_on(machine: Machine) -> None:
    place = machine.domain("intel-rapl:0", "package-0", 999_000_000, 1_000_000_000)
    meter = machine.open()
    found = []
    for level in (999_500_000, 250_000, 500_000_000, 100):
        (place / "energy_uj").write_text(str(level))
        found.append(meter.energy_j())
    assert found == pytest.approx([0.5, 1.25, 501.0, 1001.0001])


def test_a_counter_that_goes_back_with_no_known_end_is_an_error(machine: Machine) -> None:
    place = machine.domain("intel-rapl:0", "package-0", 1000, None)
    meter = machine.open()
    (place / "energy_uj").write_text("999")
    with pytest.raises(CounterError, match="package-0 went back"):
        meter.energy_j()


def test_a_counter_that_disappears_is_an_error(machine: Machine) -> None:
    place = machine.domain("intel-rapl:0", "package-0", 1000)
    meter = machine.open()
    (place / "energy_uj").unlink()
    with pytest.raises(CounterError, match="cannot be read any longer"):
        meter.energy_j()


def test_without_counters_the_reason_says_where_there_are_some(machine: Machine) -> None:
    machine.domain("intel-rapl:0", "psys", 3)
    with pytest.raises(CounterError, match=r"offers no RAPL counter.*a physical machine"):
        machine.open()


@pytest.mark.parametrize("closed", ["intel-rapl:0", "intel-rapl:0:0"])
def test_a_counter_that_may_not_be_read_says_who_can_open_it(machine: Machine, closed: str) -> None:
    for folder, name in (("intel-rapl:0", "package-0"), ("intel-rapl:0:0", "dram")):
        machine.domain(folder, name, None if folder == closed else 7)
    (machine.root / closed / "energy_uj").mkdir()  # cannot be read, whoever asks
    with pytest.raises(CounterError, match=r"only the administrator may read.*chmod a.r"):
        machine.open()


def test_the_limits_of_all_packages_are_summed(machine: Machine) -> None:
    for number in (0, 1):
        machine.domain(f"intel-rapl:{number}", f"package-{number}", 7)
    machine.domain("intel-rapl:0:0", "dram", 7)
    meter = machine.open()
    (machine.root / "intel-rapl:0" / "constraint_0_power_limit_uw").write_text("125000000\n")
    assert meter.power_limit_w() is None
    (machine.root / "intel-rapl:1" / "constraint_0_power_limit_uw").write_text("65000000\n")
    assert meter.power_limit_w() == pytest.approx(190.0)


@pytest.mark.parametrize(
    ("own_s", "other_s", "idle_s", "is_alone"),
    [
        (4.0, 0.0, 0.0, True),
        (0.0, 0.1, 3.9, True),
        (3.7, 0.2, 0.1, True),
        (0.0, 0.5, 3.5, False),
        (3.5, 0.5, 0.0, False),
    ],
)
def test_others_may_take_a_twentieth_of_the_cpus_that_are_computed_on(
    machine: Machine, own_s: float, other_s: float, idle_s: float, is_alone: bool
) -> None:
    machine.domain("intel-rapl:0", "package-0", 7)
    meter = machine.open(threads=2)
    assert meter.others() is None
    machine.spend(own_s, other_s, idle_s)
    found = meter.others()
    assert (found is None) is is_alone
    if found:
        assert found.startswith("other work kept 0.25 CPUs busy meanwhile (at most 0.10 is let pass)")


def test_every_stretch_is_judged_by_itself(machine: Machine) -> None:
    machine.domain("intel-rapl:0", "package-0", 7)
    meter = machine.open()
    meter.others()
    machine.spend(0.0, 2.0, 2.0)
    assert meter.others() is not None
    machine.spend(4.0, 0.0, 0.0)
    assert meter.others() is None


def test_one_thread_on_a_large_machine_bears_less(machine: Machine) -> None:
    machine.domain("intel-rapl:0", "package-0", 7)
    meter = machine.open(threads=1)
    meter.others()
    machine.spend(2.0, 0.16, 1.84)
    assert "at most 0.05" in (meter.others() or "")


def test_without_a_count_of_busy_cpus_nobody_can_tell(machine: Machine) -> None:
    machine.domain("intel-rapl:0", "package-0", 7)
    meter = machine.open()
    meter.others()
    with pytest.raises(CounterError, match="stands still"):
        meter.others()
    machine.stat.unlink()
    with pytest.raises(CounterError, match="does not tell"):
        meter.others()
