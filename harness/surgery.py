"""A network without some of its sublayers: for a while and in place, for good as a copy, or masked as the reference."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from harness.errors import SpecError, UnknownNameError, unknown
from harness.families.base import Sublayer, Unit, outermost
from harness.stand_ins import Absent, Lenient, Through
from harness.streams import tapped

REMOVALS = ("skip", "identity")  # u = x; u = 2x, the attention's output replaced by the input of its branch


@contextmanager
def removed(net: nn.Module, sublayers: Iterable[Sublayer], removal: str) -> Iterator[None]:
    """Within it `net` runs without the sublayers, which are swapped out and back in; no weight is copied."""
    sublayers = outermost(sublayers)
    _check(sublayers, removal)
    edits = _edits(net, sublayers, removal)
    try:
        edits.make(net)
        yield
    finally:
        edits.undo(net)


def remove(net: nn.Module, sublayers: Iterable[Sublayer], removal: str) -> nn.Module:
    """An independent network without the sublayers: only what remains is copied, names and values alike."""
    with removed(net, sublayers, removal):
        return copy.deepcopy(net)


@contextmanager
def masked(net: nn.Module, sublayers: Iterable[Sublayer], removal: str) -> Iterator[None]:
    """Within it everything of `net` still runs, but what the sublayers add is replaced on its way to the sum.

    What `removed` and `remove` must equal: zeros for `skip`, the input of the branch for `identity`. Where all of a
    block is skipped, the block as a whole adds zeros.
    """
    sublayers = outermost(sublayers)
    _check(sublayers, removal)
    with tapped(net, _replaced_units(net, sublayers, removal), _echo if removal == "identity" else _zeros):
        yield


def _replaced_units(net: nn.Module, sublayers: tuple[Sublayer, ...], removal: str) -> Iterator[Unit]:
    """The sublayers one by one, but a block in place of them where skipping them leaves nothing of it."""
    for block, gone in _by_block(sublayers).items():
        if removal == "skip" and _leaves_nothing(net, block, gone):
            yield Unit(block, "block", gone[0].depth, tuple(gone))
        else:
            yield from (s.unit for s in gone)


def recipe_of(sublayers: Iterable[Sublayer]) -> dict[str, tuple[int, ...]]:
    """Depths by kind, both sorted: `{"attention": (1, 4)}`."""
    depths: dict[str, set[int]] = {}
    for sublayer in sublayers:
        depths.setdefault(sublayer.kind, set()).add(sublayer.depth)
    return {kind: tuple(sorted(found)) for kind, found in sorted(depths.items())}


@dataclass
class _Edits:
    """What takes the place of which module, method and bare parameter, and what was there."""

    modules: dict[str, nn.Module] = field(default_factory=dict)
    methods: dict[tuple[str, str], nn.Module] = field(default_factory=dict)
    parameters: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _originals: list[tuple[nn.Module, str, nn.Module]] = field(default_factory=list)
    _kept: dict[str, dict[str, nn.Parameter | None]] = field(default_factory=dict)

    def make(self, net: nn.Module) -> None:
        """Puts everything in its place."""
        for block, names in self.parameters.items():
            module = net.get_submodule(block)
            self._kept[block] = dict(module._parameters)
            for name in names:
                del module._parameters[name]
                module.__dict__[name] = 1.0  # the factor that a scale is without its parameter
        for (block, name), stand_in in self.methods.items():
            net.get_submodule(block).__dict__[name] = stand_in  # before the class's own, and no child of the block
        for path, stand_in in self.modules.items():
            owner, _, name = path.rpartition(".")
            parent = net.get_submodule(owner)
            original = getattr(parent, name)
            self._originals.append((parent, name, original))
            setattr(parent, name, stand_in.train(original.training))

    def undo(self, net: nn.Module) -> None:
        """Puts back what was there."""
        for parent, name, original in self._originals:
            setattr(parent, name, original)
        for block, name in self.methods:
            net.get_submodule(block).__dict__.pop(name, None)
        for block, kept in self._kept.items():
            module = net.get_submodule(block)
            for name in self.parameters[block]:
                module.__dict__.pop(name, None)
            module._parameters.clear()
            module._parameters.update(kept)


def _edits(net: nn.Module, sublayers: tuple[Sublayer, ...], removal: str) -> _Edits:
    edits = _Edits()
    for block, gone in _by_block(sublayers).items():
        frame = gone[0].frame
        if removal == "skip" and _leaves_nothing(net, block, gone):
            layer = _cached_as(net.get_submodule(block))
            edits.modules[block] = Through(frame.stream, frame.returns, layer_idx=layer)
            continue
        for sublayer in gone:
            _edit(edits, net, sublayer, removal)
        for name in frame.shared if removal == "skip" else ():
            if _lets_nothing_in(net, f"{block}.{name}"):
                edits.modules[f"{block}.{name}"] = Lenient(net.get_submodule(f"{block}.{name}"))
    return edits


def _edit(edits: _Edits, net: nn.Module, sublayer: Sublayer, removal: str) -> None:
    """One branch out of a block that stays."""
    block, head = sublayer.block, sublayer.head
    passes, onto = sublayer.branch.passes, sublayer.branch.onto
    layer = _cached_as(net.get_submodule(f"{block}.{head}")) if head in sublayer.modules else None
    end = (
        Absent(passes, onto, layer)
        if removal == "skip" and not sublayer.branch.hands_on
        else Through(returns=(0, *passes) if passes else (), onto=onto, layer_idx=layer)
    )
    edits.modules |= {f"{block}.{name}": end if name == head else Through() for name in sublayer.modules}
    if head not in sublayer.modules:
        edits.methods[block, head] = end
    if sublayer.branch.parameters:
        edits.parameters[block] = (*edits.parameters.get(block, ()), *sublayer.branch.parameters)


def _cached_as(part: nn.Module) -> int | None:
    """The layer of a cache as which a part keeps keys and values; None where it is not known to keep any."""
    found = (getattr(module, "layer_idx", None) for module in part.modules())
    return next((layer for layer in found if isinstance(layer, int)), None)


def _by_block(sublayers: tuple[Sublayer, ...]) -> dict[str, list[Sublayer]]:
    found: dict[str, list[Sublayer]] = {}
    for sublayer in sublayers:
        found.setdefault(sublayer.block, []).append(sublayer)
    return found


def _leaves_nothing(net: nn.Module, path: str, gone: list[Sublayer]) -> bool:
    """Whether no branch of the block is left, with those that went before, and nothing else holds the block."""
    frame, block = gone[0].frame, net.get_submodule(path)
    left = set(frame.heads) - {sublayer.head for sublayer in gone}
    return frame.is_whole and all(isinstance(_at(block, head), Absent) for head in left)


def _at(block: nn.Module, head: str) -> Any:
    owner, _, name = head.rpartition(".")
    return getattr(block.get_submodule(owner), name)  # a module, a method, or what stands in for either


def _lets_nothing_in(net: nn.Module, path: str) -> bool:
    """Whether a module that branches share may be given the output of one that is gone, and is not made for that."""
    module = net.get_submodule(path)
    return not isinstance(module, nn.Identity) and not any(True for _ in module.parameters())


def _zeros(_: Unit, __: Tensor, added: Tensor) -> Tensor:
    return torch.zeros_like(added)


def _echo(_: Unit, x: Tensor, __: Tensor) -> Tensor:
    return x


def _check(sublayers: tuple[Sublayer, ...], removal: str) -> None:
    if removal not in REMOVALS:
        raise UnknownNameError(unknown("removal", removal, REMOVALS))
    if removal == "skip":
        return
    for sublayer in sublayers:
        if sublayer.kind != "attention":
            named = f"{sublayer.name} is of kind {sublayer.kind}"
            raise SpecError(f"removal 'identity' (u = 2x) is for attention only, and {named}; use 'skip'")
        if sublayer.branch.reads_shared:
            reason = f"what {sublayer.name} reads is made for all branches of its block, and is not their stream"
            raise SpecError(f"removal 'identity' (u = 2x) is not possible here: {reason}; use 'skip'")
        if sublayer.branch.tokens is not None:
            reason = f"what {sublayer.name} adds is not of the shape of its input"
            raise SpecError(f"removal 'identity' (u = 2x) is not possible here: {reason}; use 'skip'")
