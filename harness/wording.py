"""Grammar that sentences and names of the command line and of reports share."""

from __future__ import annotations

import re
from collections.abc import Iterable


def counted(count: int, noun: str) -> str:
    """`1 trial`, `3 trials`."""
    return f"{count} {noun}{'s' * (count != 1)}"


def listed(names: Iterable[str], most: int = 3) -> str:
    """`a, b, c and 4 more`, sorted."""
    found = sorted(names)
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more


def lasting(seconds: float) -> str:
    """`40 s`, `12 min`, `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def sized(count: float) -> str:
    """`300 kB`, `1.2 GB`; in powers of 1000."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.0f} {unit}" if unit in ("B", "kB") or count >= 10 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def slug(text: str) -> str:
    """Words as a part of a file name: `vit-digits-attention`."""
    return re.sub("[^a-z0-9]+", "-", text.lower()).strip("-")
