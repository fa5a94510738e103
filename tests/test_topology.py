"""How processors are arranged, from the files that Linux shows."""

from __future__ import annotations

from pathlib import Path

from harness.topology import Topology, cpu_topology


def cpu(root: Path, number: int, package: int, siblings: str, khz: int | None = None) -> Path:
    folder = root / f"cpu{number}"
    (folder / "topology").mkdir(parents=True)
    (folder / "topology/physical_package_id").write_text(f"{package}\n")
    (folder / "topology/thread_siblings_list").write_text(f"{siblings}\n")
    if khz is not None:
        (folder / "cpufreq").mkdir()
        (folder / "cpufreq/cpuinfo_max_freq").write_text(f"{khz}\n")
    return folder


def cache(folder: Path, index: int, level: int, kind: str, size: str) -> None:
    place = folder / f"cache/index{index}"
    place.mkdir(parents=True)
    for name, value in (("level", str(level)), ("type", kind), ("size", size)):
        (place / name).write_text(f"{value}\n")


def test_sockets_cores_threads_clock_and_caches_are_found(tmp_path: Path) -> None:
    for number in range(8):
        # Two sockets of two cores of two threads; the ids of cores repeat on every socket.
        first = cpu(tmp_path, number, number % 4 // 2, f"{number % 4},{number % 4 + 4}", 3_500_000 + number)
        if number == 0:
            for index, (level, kind, size) in enumerate(
                [(1, "Data", "48K"), (1, "Instruction", "32K"), (2, "Unified", "2048K"), (3, "Unified", "36M")]
            ):
                cache(first, index, level, kind, size)
    (tmp_path / "cpufreq").mkdir()
    (tmp_path / "cpu9").mkdir()  # switched off
    caches = {"L1d": 48 * 2**10, "L1i": 32 * 2**10, "L2": 2 * 2**20, "L3": 36 * 2**20}
    assert cpu_topology(tmp_path) == Topology(2, 4, 2, 3500, caches)


def test_cores_of_two_kinds_have_the_threads_of_the_larger(tmp_path: Path) -> None:
    for number, siblings in enumerate(["0-1", "0-1", "2-3", "2-3", "4", "5"]):
        cpu(tmp_path, number, 0, siblings)
    assert cpu_topology(tmp_path) == Topology(1, 4, 2, None, {})


def test_a_system_that_tells_nothing_leaves_all_unknown(tmp_path: Path) -> None:
    assert cpu_topology(tmp_path / "absent") == Topology()


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    folder = cpu(tmp_path, 0, -1, "0")
    cache(folder, 0, 1, "Data", "lots")
    assert cpu_topology(tmp_path) == Topology(None, 1, 1, None, {})
