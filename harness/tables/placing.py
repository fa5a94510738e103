"""Where units stand in a network, read off their names: blocks from the input on, and what of a block each is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_NUMBER = re.compile(r"(\d+)")
KINDS = {"attn": "attention", "": "block"}


@dataclass(frozen=True)
class Placing:
    """`columns` are the blocks in order; `kinds` what of a block can go; a unit is at (its kind, its column)."""

    columns: tuple[str, ...]
    kinds: tuple[str, ...]
    at: dict[str, tuple[str, int]]


def natural(name: str) -> tuple[tuple[bool, int, str], ...]:
    """Sorts `blocks.10` after `blocks.9`."""
    parts = _NUMBER.split(name)
    return tuple((part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts)


def placing(names: Iterable[str]) -> Placing:
    """The placing of all units of a network; kinds in the order in which they first come."""
    found = {name: _parted(name) for name in sorted(names, key=natural)}
    columns = tuple(dict.fromkeys(block for block, _ in found.values()))
    kinds = tuple(dict.fromkeys(kind for _, kind in found.values()))
    number = {block: place for place, block in enumerate(columns)}
    return Placing(columns, kinds, {name: (kind, number[block]) for name, (block, kind) in found.items()})


def _parted(name: str) -> tuple[str, str]:
    """`blocks.3.attn` is the attention of `blocks.3`; a name that ends with its number is a block."""
    parts = name.split(".")
    last = max((i for i, part in enumerate(parts) if part.isdecimal()), default=-1)
    rest = ".".join(parts[last + 1 :])
    return (".".join(parts[: last + 1]), KINDS.get(rest, rest)) if last >= 0 else (name, "")
