"""The kernel's small files (proc, sys, control groups): one value each, or not there, or not for everybody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def text_of(file: Path) -> str | None:
    """What the file says, without the white space around it; None where it cannot be read."""
    try:
        return file.read_text().strip()
    except OSError:
        return None


def number_of(file: Path) -> int | None:
    """The whole number in the file; None where there is none."""
    text = text_of(file)
    return int(text) if text is not None and text.isdecimal() else None


def control_groups(controller: str, root: Path = Path("/")) -> Iterator[Path]:
    """Where counters of this process may lie: in its own group, by either generation, or on top in a container."""
    top = root / "sys/fs/cgroup"
    for line in (text_of(root / "proc/self/cgroup") or "").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            yield top / path.lstrip("/")
        elif controller in controllers.split(","):
            yield top / controller / path.lstrip("/")
    yield from (top, top / controller)
