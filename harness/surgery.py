"""A network without some of its sublayers: for a while and in place, for good as a copy, or masked as the reference."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from harness.errors import SpecError, UnknownNameError, unknown
from harness.families.base import Sublayer

REMOVALS = ("skip", "identity")  # u = x; u = 2x, the attention's output replaced by the input of its block


class Nothing:
    """The output of a branch that is gone: a sum with it is the other summand itself, without a copy."""

    def __add__(self, other: Tensor) -> Tensor:
        return other

    __radd__ = __add__


class Absent(nn.Module):
    """Stands at the head of a skipped branch and has no output."""

    def forward(self, x: Tensor, *_: Any, **__: Any) -> Tensor | Nothing:
        """Nothing; for a compiler, which knows tensors only, a zero that it folds into the sum."""
        return x.new_zeros(()) if torch.compiler.is_compiling() else Nothing()


class Through(nn.Module):
    """Hands its input on, whatever else it is given."""

    def forward(self, x: Any, *_: Any, **__: Any) -> Any:
        """`x` itself."""
        return x


@contextmanager
def removed(net: nn.Module, sublayers: Iterable[Sublayer], removal: str) -> Iterator[None]:
    """Within it `net` runs without the sublayers, which are swapped out and back in; no weight is copied."""
    swaps = _stand_ins(net, tuple(sublayers), removal)
    originals = {path: net.get_submodule(path) for path in swaps}
    try:
        for path, stand_in in swaps.items():
            _put(net, path, stand_in)
        yield
    finally:
        for path, original in originals.items():
            _put(net, path, original)


def remove(net: nn.Module, sublayers: Iterable[Sublayer], removal: str) -> nn.Module:
    """An independent network without the sublayers: only what remains is copied, names and values alike."""
    with removed(net, sublayers, removal):
        return copy.deepcopy(net)


@contextmanager
def masked(net: nn.Module, sublayers: Iterable[Sublayer], removal: str) -> Iterator[None]:
    """Within it everything of `net` still runs, but the outputs of the branches are replaced on their way to the sum.

    What `removed` and `remove` must equal: zeros for `skip`, the input of the block for `identity`.
    """
    sublayers = tuple(sublayers)
    _check(sublayers, removal)
    handles: list[RemovableHandle] = []
    try:
        for sublayer in sublayers:
            handles += _mask(net, sublayer, removal)
        yield
    finally:
        for handle in handles:
            handle.remove()


def recipe_of(sublayers: Iterable[Sublayer]) -> dict[str, tuple[int, ...]]:
    """Depths by kind, both sorted: `{"attention": (1, 4)}`."""
    depths: dict[str, set[int]] = {}
    for sublayer in sublayers:
        depths.setdefault(sublayer.kind, set()).add(sublayer.depth)
    return {kind: tuple(sorted(found)) for kind, found in sorted(depths.items())}


def _stand_ins(net: nn.Module, sublayers: tuple[Sublayer, ...], removal: str) -> dict[str, nn.Module]:
    """What takes the place of which path; of a block that keeps no child, the whole block."""
    _check(sublayers, removal)
    gone: dict[str, dict[str, nn.Module]] = {}
    for sublayer in sublayers:
        first, *rest = sublayer.modules
        branch: dict[str, nn.Module] = {first: Absent() if removal == "skip" else Through()}
        branch |= {name: Through() for name in rest}
        gone.setdefault(sublayer.block, {}).update(branch)
    swaps: dict[str, nn.Module] = {}
    for block, modules in gone.items():
        children = {name for name, _ in net.get_submodule(block).named_children()}
        is_empty = removal == "skip" and children <= set(modules)
        swaps |= {block: Through()} if is_empty else {f"{block}.{name}": module for name, module in modules.items()}
    return {path: stand_in.train(net.get_submodule(path).training) for path, stand_in in swaps.items()}


def _put(net: nn.Module, path: str, module: nn.Module) -> None:
    parent, _, name = path.rpartition(".")
    setattr(net.get_submodule(parent), name, module)


def _mask(net: nn.Module, sublayer: Sublayer, removal: str) -> tuple[RemovableHandle, ...]:
    block = net.get_submodule(sublayer.block)
    last = block.get_submodule(sublayer.modules[-1])
    if removal == "skip":
        return (last.register_forward_hook(_zeros),)
    echo = _Echo()
    return block.register_forward_pre_hook(echo.keep), last.register_forward_hook(echo.replace)


def _zeros(_module: nn.Module, _inputs: tuple[Any, ...], output: Tensor) -> Tensor:
    return torch.zeros_like(output)


class _Echo:
    """Hooks that put the input of a block in place of a branch's output."""

    def keep(self, _block: nn.Module, inputs: tuple[Any, ...]) -> None:
        """Before the block runs."""
        self._input: Tensor = inputs[0]

    def replace(self, _module: nn.Module, _inputs: tuple[Any, ...], _output: Tensor) -> Tensor:
        """After the branch has run."""
        return self._input


def _check(sublayers: tuple[Sublayer, ...], removal: str) -> None:
    if removal not in REMOVALS:
        raise UnknownNameError(unknown("removal", removal, REMOVALS))
    others = [s for s in sublayers if s.kind != "attention"]
    if removal == "identity" and others:
        named = f"{others[0].name} is of kind {others[0].kind}"
        raise SpecError(f"removal 'identity' (u = 2x) is for attention only, and {named}; use 'skip'")
