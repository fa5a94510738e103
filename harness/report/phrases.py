"""Lists as parts of a sentence."""

from __future__ import annotations

from collections.abc import Sequence

LISTED = 6


def joined(parts: Sequence[str]) -> str:
    """`a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def listed(parts: Sequence[str]) -> str:
    """The first of them, divided by semicolons, and how many more the table has."""
    more = [f"{len(parts) - LISTED} more in the table"] if len(parts) > LISTED else []
    return "; ".join([*parts[:LISTED], *more])
