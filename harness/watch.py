"""What went on in the machine while something was timed, and whether the times can be trusted for all that."""

from __future__ import annotations

import re
import resource
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from harness.cpu_time import CpuTime, cpu_time, foreign_cpus
from harness.kernel_files import control_groups, number_of, text_of
from harness.schema import Json

Quality: TypeAlias = Literal["ok", "noisy", "tainted"]
RANKS: dict[Quality, int] = {"ok": 0, "noisy": 1, "tainted": 2}
FOREIGN_SHARE = 0.1  # of the machine's CPUs in use by others
STOLEN_SHARE = 0.02  # of the time that the hypervisor gave to others
SWAPPED_IN = 10  # pages


@dataclass(frozen=True)
class Counters:
    """Counters of the machine and of this process with its children at one moment; None is what nobody tells."""

    cpu: CpuTime | None
    quota_stops: int | None
    thermal_stops: int | None
    swapped_in: int
    switches: int


@dataclass(frozen=True)
class Verdict:
    """`ok`, or `noisy` (others were at work) or `tainted` (the machine itself was held back), with every reason.

    `remarks` are for the reader and no reason for doubt.
    """

    quality: Quality = "ok"
    reasons: tuple[str, ...] = ()
    facts: dict[str, Json] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def counters(root: Path = Path("/")) -> Counters:
    """The counters now; `root` is where the system's `proc` and `sys` lie."""
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    own_s = sum(one.ru_utime + one.ru_stime for one in usage)
    return Counters(
        cpu=cpu_time(root / "proc/stat", lambda: own_s),
        quota_stops=_quota_stops(root),
        thermal_stops=_thermal_stops(root / "sys/devices/system/cpu"),
        swapped_in=sum(one.ru_majflt for one in usage),
        switches=sum(one.ru_nivcsw for one in usage),
    )


def judged(before: Counters, after: Counters) -> Verdict:
    """What the counters of two moments say about what was timed between them."""
    facts: dict[str, Json] = {
        **_of_cpus(before.cpu, after.cpu),
        "quota_stops": _risen(before.quota_stops, after.quota_stops),
        "thermal_stops": _risen(before.thermal_stops, after.thermal_stops),
        "swapped_in": after.swapped_in - before.swapped_in,
        "involuntary_switches": after.switches - before.switches,
    }
    noisy, tainted = [*_of_others(facts)], [*_of_limits(facts)]
    quality: Quality = "tainted" if tainted else "noisy" if noisy else "ok"
    return Verdict(quality, (*tainted, *noisy), facts)


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """Several verdicts as one: the worst quality, every reason, fact and remark."""
    return Verdict(
        max((one.quality for one in verdicts), key=RANKS.__getitem__, default="ok"),
        tuple(dict.fromkeys(reason for one in verdicts for reason in one.reasons)),
        {key: value for one in verdicts for key, value in one.facts.items()},
        tuple(dict.fromkeys(remark for one in verdicts for remark in one.remarks)),
    )


def _of_cpus(before: CpuTime | None, after: CpuTime | None) -> dict[str, Json]:
    """CPUs that this process and that others kept busy, on the mean; the share that the hypervisor gave away."""
    if before is None or after is None or after.total_s <= before.total_s:
        return {}
    elapsed_s = (after.total_s - before.total_s) / after.cpus
    stolen_s = after.stolen_s - before.stolen_s
    others = foreign_cpus(before, after)
    return {
        "cpus": after.cpus,
        "own_cpus": (after.own_s - before.own_s) / elapsed_s,
        "foreign_cpus": None if others is None else max(0.0, others - stolen_s / elapsed_s),
        "stolen_share": stolen_s / (elapsed_s * after.cpus),
    }


def _of_others(facts: dict[str, Json]) -> Iterator[str]:
    cpus, foreign, stolen = (facts.get(name) for name in ("cpus", "foreign_cpus", "stolen_share"))
    if isinstance(cpus, int) and isinstance(foreign, float) and foreign > FOREIGN_SHARE * cpus:
        yield f"noisy: other processes used {foreign:.1f} of the machine's {cpus} CPUs meanwhile"
    if isinstance(stolen, float) and stolen > STOLEN_SHARE:
        yield f"noisy: the hypervisor gave {stolen:.0%} of the CPU time to other machines"


def _of_limits(facts: dict[str, Json]) -> list[str]:
    words = {
        "quota_stops": "tainted: the container's CPU limit stopped the process {} times",
        "thermal_stops": "tainted: the CPU was slowed down {} times because of heat or power",
    }
    found = [text.format(facts[name]) for name, text in words.items() if facts[name]]
    swapped = facts["swapped_in"]
    if isinstance(swapped, int) and swapped > SWAPPED_IN:
        found.append(f"tainted: {swapped} pages had to be read from disk, as when memory is short")
    return found


def _risen(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else max(0, after - before)


def _quota_stops(root: Path) -> int | None:
    """How often the process's control group was out of CPU quota, by either generation of control groups."""
    texts = (text_of(folder / "cpu.stat") for folder in control_groups("cpu", root))
    found = re.search(r"^nr_throttled (\d+)$", next(filter(None, texts), ""), re.MULTILINE)
    return int(found[1]) if found else None


def _thermal_stops(cpus: Path) -> int | None:
    counts = [number_of(path) for path in sorted(cpus.glob("cpu[0-9]*/thermal_throttle/core_throttle_count"))]
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
