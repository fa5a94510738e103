"""Sets of units as trees over blocks: what each next block loses, and which sets a walk arrives at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol, TypeAlias

from harness.families.base import Unit

Units: TypeAlias = tuple[Unit, ...]


class Node(Protocol):
    """Where a walk stands: some blocks are decided."""

    def branches(self) -> list[tuple[Units, Node]]:
        """What the next block may lose, each with what follows; called while a block is left."""

    def sets(self) -> Sequence[Units]:
        """The sets that a walk has arrived at; called when all blocks are decided."""


@dataclass(frozen=True)
class Listed:
    """Given sets that agree so far."""

    given: tuple[Units, ...]
    block_of: Callable[[Unit], int]
    depth: int = 0

    def branches(self) -> list[tuple[Units, Node]]:
        found: dict[frozenset[str], tuple[Units, list[Units]]] = {}
        for units in self.given:
            lost = tuple(unit for unit in units if self.block_of(unit) == self.depth)
            found.setdefault(frozenset(unit.name for unit in lost), (lost, []))[1].append(units)
        return [(lost, Listed(tuple(sets), self.block_of, self.depth + 1)) for lost, sets in found.values()]

    def sets(self) -> Sequence[Units]:
        return self.given


@dataclass(frozen=True)
class Subsets:
    """All sets of `smallest` to `up_to` units that begin with those taken so far; `owned` are the units by block."""

    owned: tuple[Units, ...]
    smallest: int
    up_to: int
    depth: int = 0
    taken: Units = ()

    def branches(self) -> list[tuple[Units, Node]]:
        here, later = self.owned[self.depth], sum(map(len, self.owned[self.depth + 1 :]))
        fewest = max(0, self.smallest - len(self.taken) - later)
        most = min(len(here), self.up_to - len(self.taken))
        return [
            (lost, Subsets(self.owned, self.smallest, self.up_to, self.depth + 1, (*self.taken, *lost)))
            for size in range(fewest, most + 1)
            for lost in combinations(here, size)
        ]

    def sets(self) -> Sequence[Units]:
        return (self.taken,)
