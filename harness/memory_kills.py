"""How often the kernel ended a process for want of memory, among those that share a limit with this one."""

from __future__ import annotations

import re
from pathlib import Path

from harness.kernel_files import control_groups, text_of

FILES = ("memory.events", "memory.oom_control")  # of the second generation of control groups, and of the first


def memory_kills(root: Path = Path("/")) -> int | None:
    """The count since this process's control group was made; None where no limit is set or it is not told."""
    texts = (text_of(folder / file) for folder in control_groups("memory", root) for file in FILES)
    found = re.search(r"^oom_kill (\d+)$", next(filter(None, texts), ""), re.MULTILINE)
    return int(found[1]) if found else None
