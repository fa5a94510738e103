"""One ability of a machine, as the doctor found it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """Whether the machine can do `what`, the fact behind the answer, and what would make it better, if anything."""

    what: str
    can: bool
    why: str
    improve: str | None = None
