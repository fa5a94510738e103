"""A process told apart from every other: its number, when it was born, and on which machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from harness.schema import digest


def mark(pid: int | None = None) -> dict[str, Any]:
    """The mark of a process of this machine, by default this one; the machine's name is kept as a digest."""
    number = os.getpid() if pid is None else pid
    return {"pid": number, "born": _born(number), "machine": _machine()}


def is_gone(found: dict[str, Any]) -> bool:
    """Whether the process with this mark has certainly ended; of another machine's nothing is certain."""
    if found.get("machine") != _machine() or not Path("/proc/self/stat").exists():
        return False
    return _born(int(found.get("pid", 0))) != found.get("born")


def is_here(found: dict[str, Any]) -> bool:
    """Whether the process with this mark certainly runs on this machine, so that it may be spoken to by its number."""
    born = found.get("born")
    return born is not None and found.get("machine") == _machine() and _born(int(found.get("pid", 0))) == born


def _machine() -> str:
    return digest(os.uname().nodename)


def _born(pid: int) -> str | None:
    """The start time in clock ticks since boot; None where there is no such process, or it has ended unburied."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if len(fields) < 20 or fields[0] in "ZX" else fields[19]
