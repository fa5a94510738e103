"""Where a model keeps its blocks, attention and MLP, and what belongs to each: data, not code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Branch:
    """A residual branch of a block: `core` names it in paths, `modules` are all it owns, in order of execution."""

    core: str
    modules: tuple[str, ...]


@dataclass(frozen=True)
class Sublayer:
    """One branch of one block of one network: `name` is `blocks.3.attn`, `depth` counts blocks from 0."""

    name: str
    kind: str
    depth: int
    block: str
    modules: tuple[str, ...]


@dataclass(frozen=True)
class Unit:
    """What a target removes at a time: one sublayer, or all sublayers of a block; `name` is its path."""

    name: str
    kind: str
    depth: int
    sublayers: tuple[Sublayer, ...]


@dataclass(frozen=True)
class Family:
    """Models that share a layout; `model_classes` and `block_classes` are qualified class names."""

    name: str
    model_classes: tuple[str, ...]
    blocks: str
    block_classes: tuple[str, ...]
    branches: dict[str, Branch]

    def fits(self, net: nn.Module) -> bool:
        """Whether this family describes the network, every block included."""
        kind = type(net)
        if f"{kind.__module__}.{kind.__qualname__}" not in self.model_classes:
            return False
        blocks = list(net.get_submodule(self.blocks).children())
        names = {f"{type(block).__module__}.{type(block).__qualname__}" for block in blocks}
        return bool(blocks) and names <= set(self.block_classes)

    def sublayers(self, net: nn.Module) -> tuple[Sublayer, ...]:
        """Every removable sublayer in order of execution."""
        return tuple(
            Sublayer(f"{self.blocks}.{index}.{branch.core}", kind, int(index), f"{self.blocks}.{index}", branch.modules)
            for index, _ in net.get_submodule(self.blocks).named_children()
            for kind, branch in self.branches.items()
        )


def units(sublayers: tuple[Sublayer, ...], target: str) -> tuple[Unit, ...]:
    """What `target` can remove, in order of depth: sublayers of that kind, or whole blocks."""
    if target != "block":
        return tuple(Unit(s.name, target, s.depth, (s,)) for s in sublayers if s.kind == target)
    blocks = dict.fromkeys(s.block for s in sublayers)
    members = {block: tuple(s for s in sublayers if s.block == block) for block in blocks}
    return tuple(Unit(block, target, owned[0].depth, owned) for block, owned in members.items())
