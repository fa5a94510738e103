"""Grammar that sentences of the command line and of reports share."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """`1 trial`, `3 trials`."""
    return f"{count} {noun}{'s' * (count != 1)}"
