"""How a machine's processors are arranged: sockets, cores, threads, caches and the highest clock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from harness.kernel_files import number_of, text_of

CPUS = Path("/sys/devices/system/cpu")
UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}


@dataclass(frozen=True)
class Topology:
    """The machine's processors as Linux sees them, whoever may use them; None is what the system does not tell.

    `max_mhz` is the clock that the fastest core may reach; a virtual machine seldom tells. `caches` are bytes by name
    (`L1d`, `L2`, ...), as the first CPU sees them: shared with others or not.
    """

    sockets: int | None = None
    cores: int | None = None
    threads_per_core: int | None = None
    max_mhz: int | None = None
    caches: dict[str, int] = field(default_factory=dict)


def cpu_topology(root: Path = CPUS) -> Topology:
    """The arrangement of the CPUs that are switched on."""
    folders = sorted(folder for folder in root.glob("cpu[0-9]*") if (folder / "topology").is_dir())
    packages = _distinct(folder / "topology/physical_package_id" for folder in folders)
    cores = _distinct(folder / "topology/thread_siblings_list" for folder in folders)
    clocks = [clock for folder in folders if (clock := number_of(folder / "cpufreq/cpuinfo_max_freq")) is not None]
    return Topology(
        sockets=len(packages) or None,
        cores=len(cores) or None,
        threads_per_core=-(-len(folders) // len(cores)) if cores else None,
        max_mhz=round(max(clocks) / 1000) if clocks else None,
        caches=_caches(folders[0]) if folders else {},
    )


def _caches(cpu: Path) -> dict[str, int]:
    found = {}
    for folder in sorted(cpu.glob("cache/index*")):
        level, kind, size = (text_of(folder / name) for name in ("level", "type", "size"))
        unit = UNITS.get(size[-1:]) if size else None
        if level and kind and size and unit and size[:-1].isdecimal():
            found[f"L{level}{'' if kind == 'Unified' else kind[0].lower()}"] = int(size[:-1]) * unit
    return found


def _distinct(files: Iterable[Path]) -> set[str]:
    return {text for file in files if (text := text_of(file)) not in (None, "", "-1")}
