"""Whether the kernel ended a process for want of memory is told by the counter of its own control group."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.memory_kills import memory_kills


@pytest.mark.parametrize(
    ("group", "file", "text"),
    [
        ("0::/job_7/step_0", "job_7/step_0/memory.events", "low 0\nmax 3\noom 1\noom_kill 2\noom_group_kill 0\n"),
        ("4:memory:/slurm/job_7", "memory/slurm/job_7/memory.oom_control", "under_oom 0\noom_kill 2\n"),
        ("4:memory:/not/seen/in/a/container", "memory/memory.oom_control", "under_oom 0\noom_kill 2\n"),
    ],
)
def test_the_count_is_that_of_the_own_group(tmp_path: Path, group: str, file: str, text: str) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(f"9:cpu,cpuacct:/elsewhere\n{group}\n")
    place = tmp_path / "sys/fs/cgroup" / file
    place.parent.mkdir(parents=True)
    assert memory_kills(tmp_path) is None
    place.write_text(text)
    assert memory_kills(tmp_path) == 2


def test_without_control_groups_nobody_knows(tmp_path: Path) -> None:
    assert memory_kills(tmp_path) is None
