"""Where a model keeps its blocks, what they add to the residual stream, and what belongs to each: data, not code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, TypeVar

from harness.families.layout import BARE, NO_BRANCH, Branch, Frame, Layout, Refusal

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "Branch",
    "Family",
    "Frame",
    "Layout",
    "Refusal",
    "Sublayer",
    "Unit",
    "class_name",
    "emptied",
    "outermost",
    "units",
]

JOINT = ("attention", "mlp")  # kinds that the target `joint` puts in one list


@dataclass(frozen=True)
class Sublayer:
    """One branch of one block of one network: `name` is `blocks.3.attn`, `depth` counts blocks from 0."""

    name: str
    kind: str
    depth: int
    block: str
    modules: tuple[str, ...]
    branch: Branch = NO_BRANCH
    frame: Frame = BARE

    @property
    def head(self) -> str:
        """Module or method of the block that gives nothing in place of the branch's output."""
        return self.branch.head or self.modules[0]

    @property
    def tap(self) -> str:
        """Path of the module whose output is added to the stream."""
        return f"{self.block}.{self.branch.tap or self.modules[-1]}"

    @property
    def unit(self) -> Unit:
        """The sublayer as what is removed at a time."""
        return Unit(self.name, self.kind, self.depth, (self,))


@dataclass(frozen=True)
class Unit:
    """What a target removes at a time: one sublayer, or all sublayers of a block; `name` is its path."""

    name: str
    kind: str
    depth: int
    sublayers: tuple[Sublayer, ...]


@dataclass(frozen=True)
class Family:
    """Models that share their kinds of blocks: qualified class names of the models, a layout for each class of block.

    Every child of the modules `containers` must be a known block. Where more than one stream passes between blocks,
    `no_chain` says so. `modules` are timm's that register such models, where those of the classes are not.
    """

    name: str
    model_classes: tuple[str, ...]
    layouts: dict[str, Layout]
    containers: tuple[str, ...] = ()
    no_chain: str = ""
    modules: tuple[str, ...] = ()

    @property
    def library(self) -> str:
        """What builds its models: `timm`, `transformers`, `harness` for those of this package, or another package."""
        return self.model_classes[0].partition(".")[0]

    @property
    def homes(self) -> tuple[str, ...]:
        """timm's modules that register these models: `modules`, or else those of the classes."""
        return self.modules or tuple(dict.fromkeys(name.split(".")[-2] for name in self.model_classes))

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of sublayers that its models may have."""
        return tuple(dict.fromkeys(b.kind for layout in self.layouts.values() for b in layout.branches))

    def fits(self, net: nn.Module) -> bool:
        """Whether this family describes the network, every block included."""
        return class_name(net) in self.model_classes and not self.strangers(net) and any(self._blocks(net))

    def strangers(self, net: nn.Module) -> tuple[str, ...]:
        """Classes of blocks that the family does not know, sorted."""
        held = [net.get_submodule(path) for path in self.containers if _holds(net, path)]
        blocks = [block for container in held for block in container.children()]
        return tuple(sorted({class_name(block) for block in blocks} - set(self.layouts)))

    def sublayers(self, net: nn.Module) -> tuple[Sublayer, ...]:
        """Every removable sublayer in order of execution."""
        found: list[Sublayer] = []
        for depth, (path, block, layout) in enumerate(self._blocks(net)):
            found += _offered(path, depth, block, layout)
        return tuple(found)

    def refused(self, net: nn.Module) -> dict[str, str]:
        """Sublayers, or whole blocks, that exist and cannot be removed: name and reason, in order of execution."""
        return {
            f"{path}.{core}" if core else path: reason
            for path, block, layout in self._blocks(net)
            for core, reason in _refused(block, layout)
        }

    def chain(self, net: nn.Module) -> tuple[str, ...]:
        """Paths of all blocks, removable or not, in order of execution; empty where they are no chain.

        In a chain all that follows a block depends on the network's input through that block's output alone.
        """
        return () if self.no_chain else tuple(path for path, _, _ in self._blocks(net))

    def branches(self, net: nn.Module, kind: str) -> Iterator[tuple[str, Branch]]:
        """Every branch of a kind, removable or not, with the path of its block, in order of execution."""
        for path, block, layout in self._blocks(net):
            yield from ((path, branch) for branch in _present(block, layout) if branch.kind == kind)

    def _blocks(self, net: nn.Module) -> Iterator[tuple[str, nn.Module, Layout]]:
        inside = ""
        for path, module in net.named_modules():
            layout = self.layouts.get(class_name(module))
            if layout is None or (inside and path.startswith(inside)):
                continue
            inside = f"{path}."
            yield path, module, layout.of(module)


def units(sublayers: tuple[Sublayer, ...], target: str) -> tuple[Unit, ...]:
    """What `target` can remove, in order of execution: a kind, attention and MLPs in one list (`joint`), or blocks."""
    if target != "block":
        kinds = JOINT if target == "joint" else (target,)
        return tuple(s.unit for s in sublayers if s.kind in kinds)
    whole = tuple(s for s in sublayers if s.frame.is_whole and not s.branch.within)
    members = {block: tuple(s for s in whole if s.block == block) for block in dict.fromkeys(s.block for s in whole)}
    return tuple(Unit(block, target, owned[0].depth, owned) for block, owned in members.items())


class _InBlock(Protocol):
    """What is known of a sublayer wherever it is kept."""

    @property
    def block(self) -> str: ...

    @property
    def branch(self) -> Branch: ...

    @property
    def frame(self) -> Frame: ...


S = TypeVar("S", bound=_InBlock)


def outermost(gone: Iterable[S]) -> tuple[S, ...]:
    """Those that are no part of another of them: what goes with another sublayer goes once."""
    gone = tuple(gone)
    cores = {(one.block, one.branch.core) for one in gone}
    return tuple(one for one in gone if (one.block, one.branch.within) not in cores)


def emptied(gone: Iterable[_InBlock]) -> set[str]:
    """Blocks of which no branch is left when these sublayers go."""
    counts = Counter((one.block, one.frame) for one in gone if not one.branch.within)
    return {block for (block, frame), count in counts.items() if frame.is_whole and count == len(frame.heads)}


def class_name(module: nn.Module) -> str:
    """The qualified name of a module's class."""
    return f"{type(module).__module__}.{type(module).__qualname__}"


def _offered(path: str, depth: int, block: nn.Module, layout: Layout) -> Iterator[Sublayer]:
    if any(refusal.kind == "" and refusal.when(block) for refusal in layout.refusals):
        return
    refused = {core for core, _ in _refused(block, layout)}
    present = tuple(_present(block, layout))
    is_whole = not refused and _is_covered(block, present, layout.shared)
    shared = tuple(name for name in layout.shared if _holds(block, name) or hasattr(block, name))
    heads = tuple(branch.head or branch.modules[0] for branch in present if not branch.within)
    frame = Frame(layout.stream, layout.returns, shared, heads, is_whole)
    for branch in present:
        if branch.core not in refused:
            yield Sublayer(f"{path}.{branch.core}", branch.kind, depth, path, branch.modules, branch, frame)


def _refused(block: nn.Module, layout: Layout) -> Iterator[tuple[str, str]]:
    """Names of branches with the reason against each; an empty name is the whole block."""
    for refusal in layout.refusals:
        if not refusal.when(block):
            continue
        if refusal.kind in ("", "block"):
            yield "", refusal.reason
        else:
            yield from ((b.core, refusal.reason) for b in _present(block, layout) if b.kind == refusal.kind)


def _present(block: nn.Module, layout: Layout) -> Iterator[Branch]:
    """The branches that this block has, with the modules and parameters that it has of each."""
    for branch in layout.branches:
        container, star, _ = branch.core.partition(".*")
        for one in [branch.at(n) for n, _ in block.get_submodule(container).named_children()] if star else [branch]:
            modules = tuple(name for name in one.modules if _holds(block, name))
            parameters = tuple(name for name in one.parameters if getattr(block, name, None) is not None)
            if modules and (_holds(block, one.core) or one.core not in one.modules) and _is_of(block, one):
                yield replace(one, modules=modules, parameters=parameters)


def _is_of(block: nn.Module, branch: Branch) -> bool:
    return not branch.of or class_name(block.get_submodule(branch.core)) in branch.of


def _holds(block: nn.Module, path: str) -> bool:
    try:
        return block.get_submodule(path) is not None
    except AttributeError:
        return False


def _is_covered(block: nn.Module, branches: tuple[Branch, ...], shared: tuple[str, ...]) -> bool:
    """Whether the branches and what they share are all that the block has."""
    owned = {*shared, *(name for branch in branches for name in (*branch.modules, *branch.parameters))}
    parts = [name for name, module in block.named_modules() if name and _does_something(module)]
    parts += [name for name, _ in block.named_parameters(recurse=False)]
    return all(any(name == own or name.startswith(f"{own}.") for own in owned) for name in parts)


def _does_something(module: nn.Module) -> bool:
    """Whether a module is more than a container of others or an identity."""
    is_leaf = not any(True for _ in module.children())
    has_parameters = any(True for _ in module.parameters(recurse=False))
    return has_parameters or (is_leaf and type(module).__name__ not in ("Identity", "ModuleList", "Sequential"))
