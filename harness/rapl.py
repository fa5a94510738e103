"""The processor's own energy counter (RAPL) as Linux shows it: packages and their memory, from Intel and AMD."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from harness.cpu_time import STAT, CpuTime, cpu_time, foreign_cpus
from harness.kernel_files import number_of, text_of
from harness.meters import CounterError

POWERCAP = Path("/sys/class/powercap")
MICRO = 1e-6
FOREIGN_SHARE = 0.05  # of the CPUs that the measured process computes on
ABSENT = (
    "the system offers no RAPL counter, as in most virtual machines and containers; a physical machine under Linux "
    "with the driver intel_rapl (for AMD too) has one"
)
CLOSED = (
    "RAPL counters are there, but only the administrator may read them; the administrator can open them with "
    "`chmod a+r` on the files energy_uj of intel-rapl"
)


@dataclass
class Domain:
    """A part of the machine with a counter of its own, which starts again at zero after `range_uj`.

    The sum of what it counted is kept here, so that it must be read more often than it wraps (minutes at full power).
    """

    name: str
    folder: Path
    range_uj: int | None
    last_uj: int
    total_uj: int = 0

    def advance(self) -> int:
        """Microjoules since it was opened."""
        now = number_of(self.folder / "energy_uj")
        if now is None:
            raise CounterError(f"the RAPL counter of {self.name} cannot be read any longer")
        if now < self.last_uj:
            if self.range_uj is None:
                raise CounterError(f"the RAPL counter of {self.name} went back, and where it wraps is not told")
            self.total_uj += self.range_uj
        self.total_uj += now - self.last_uj
        self.last_uj = now
        return self.total_uj


@dataclass
class RaplMeter:
    """Joules of all packages of the machine and of their memory where it is counted apart.

    The counters include everybody's work. Others may keep at most `FOREIGN_SHARE` of `threads` CPUs busy between two
    calls of `others`: the machine's busy time by /proc/stat, less the processor time of this process.
    """

    domains: tuple[Domain, ...]
    threads: int
    now: Callable[[], CpuTime | None]
    _mark: CpuTime | None = field(default=None, init=False)

    @property
    def counter(self) -> str:
        """The domains that are summed, by name."""
        return f"RAPL {' + '.join(domain.name for domain in self.domains)}"

    def energy_j(self) -> float:
        """Joules since the meter was opened."""
        return sum(domain.advance() for domain in self.domains) * MICRO

    def others(self) -> str | None:
        """Other work since the last call, where it was too much; the first call only marks the moment."""
        begin, end = self._mark, self.now()
        self._mark = end
        if end is None:
            raise CounterError("the system does not tell how busy its CPUs are, so that other work would go unseen")
        if begin is None:
            return None
        busy = foreign_cpus(begin, end)
        if busy is None:
            raise CounterError("the system's count of busy CPUs stands still, so that other work would go unseen")
        most = FOREIGN_SHARE * self.threads
        if busy <= most:
            return None
        return (
            f"other work kept {busy:.2f} CPUs busy meanwhile (at most {most:.2f} is let pass), and would be counted in"
        )

    def power_limit_w(self) -> float | None:
        """The long-term limit of all packages together; None where one is not told."""
        packages = [domain for domain in self.domains if domain.name.startswith("package")]
        limits = [number_of(domain.folder / "constraint_0_power_limit_uw") for domain in packages]
        return None if None in limits else sum(limit or 0 for limit in limits) * MICRO

    def wait(self, seconds: float) -> None:
        """Sleeps."""
        time.sleep(seconds)


def open_rapl(
    threads: int, root: Path = POWERCAP, stat: Path = STAT, own: Callable[[], float] = time.process_time
) -> RaplMeter:
    """The meter of this machine for a process that computes on so many threads; raises CounterError."""
    # Names differ where numbers don't: psys counts the packages again, core and uncore are parts of their package.
    tops = [folder for folder in sorted(root.glob("intel-rapl:*")) if folder.name.count(":") == 1]
    packages = [folder for folder in tops if (text_of(folder / "name") or "").startswith("package")]
    if not packages:
        raise CounterError(ABSENT)
    memories = [
        folder
        for package in packages
        for folder in sorted(root.glob(f"{package.name}:*"))
        if text_of(folder / "name") == "dram"
    ]
    domains = tuple(_domain(folder) for folder in (*packages, *memories))
    return RaplMeter(domains, threads, lambda: cpu_time(stat, own))


def _domain(folder: Path) -> Domain:
    level = number_of(folder / "energy_uj")
    if level is None:
        raise CounterError(CLOSED)
    name = text_of(folder / "name") or folder.name
    if name == "dram":
        name = f"dram-{folder.name.split(':')[1]}"
    return Domain(name, folder, number_of(folder / "max_energy_range_uj"), level)
