"""Watches one forward pass: which outputs fix the state before each block, in order of execution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Survey:
    """Modules outside all blocks whose outputs are kept, and how many outputs are kept before each block starts.

    `tape` holds the kept outputs of the pass that was watched, those of all blocks but the last among them, in order
    of execution; `given` what each block was given. `is_direct` says whether that was, but for the first block and for
    values that are no tensors, the output of the block before. `flaw` says why nothing can be shared, if so.
    """

    sites: tuple[nn.Module, ...]
    starts: tuple[int, ...]
    tape: list[Any]
    given: tuple[Any, ...]
    is_direct: bool = False
    flaw: str = ""


def survey(net: nn.Module, blocks: Sequence[str], run: Callable[[], Tensor]) -> tuple[Survey, Tensor]:
    """What one pass of `run` shows, and what it reads."""
    watch = _Watch({net.get_submodule(path): path for path in blocks})
    with ExitStack() as hooks:
        for module in _outside(net, blocks):
            hooks.callback(module.register_forward_pre_hook(watch.enter).remove)
            hooks.callback(module.register_forward_hook(watch.leave, with_kwargs=True).remove)
        for path in blocks:
            hooks.callback(net.get_submodule(path).register_forward_hook(watch.block, with_kwargs=True).remove)
        read = run()
    return watch.found(tuple(blocks)), read


def _outside(net: nn.Module, blocks: Sequence[str]) -> list[nn.Module]:
    """Modules that are no block, hold none and lie in none."""
    holders = {"", *(path[:at] for path in blocks for at, letter in enumerate(path) if letter == ".")}
    return [
        module
        for path, module in net.named_modules()
        if path not in holders and not any(path == block or path.startswith(f"{block}.") for block in blocks)
    ]


@dataclass
class _Watch:
    """Outermost calls outside blocks, and calls of blocks, as they end."""

    paths: dict[nn.Module, str]
    calls: list[tuple[nn.Module, Any, bool]] = field(default_factory=list)  # module, output, gave what it was given
    copies: list[Any] = field(default_factory=list)
    given: list[Any] = field(default_factory=list)
    inside: int = 0

    def enter(self, _: nn.Module, __: Any) -> None:
        self.inside += 1

    def leave(self, module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        self.inside -= 1
        if self.inside == 0:
            given = (*args, *kwargs.values())
            self._note(module, output, is_through=any(output is one for one in given))

    def block(self, module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        self.given.append((args, kwargs))
        self._note(module, output, is_through=False)

    def _note(self, module: nn.Module, output: Any, *, is_through: bool) -> None:
        self.calls.append((module, output, is_through))
        self.copies.append(mapped(output, torch.clone))

    def found(self, blocks: tuple[str, ...]) -> Survey:
        order = tuple(self.paths[module] for module, _, _ in self.calls if module in self.paths)
        if order != blocks:
            return Survey((), (), [], (), flaw=f"blocks run in the order {', '.join(order)}")
        last = max(at for at, (module, _, _) in enumerate(self.calls) if module in self.paths)
        working = {module for module, _, is_through in self.calls[:last] if not is_through}
        kept = [(m, output, copy) for (m, output, _), copy in zip(self.calls, self.copies, strict=True) if m in working]
        tape: list[Any] = []
        starts: list[int] = []
        for module, output, copy in kept[: sum(module in working for module, _, _ in self.calls[:last])]:
            if not same(output, copy):
                return Survey((), (), [], (), flaw="a module changes what it is given in place")
            starts += [len(tape)] if module in self.paths else []
            tape.append(output)
        sites = tuple(module for module in working if module not in self.paths)
        return Survey(sites, (*starts, len(tape)), tape, tuple(self.given), self._is_direct())

    def _is_direct(self) -> bool:
        outputs = [output for module, output, _ in self.calls if module in self.paths]
        pairs = zip(self.given[1:], outputs, strict=False)
        return all(len(there := tensors(given)) == 1 and there[0] is output for given, output in pairs)


def mapped(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """The same nest of tuples, lists and mappings with every tensor changed."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, tuple | list):
        return type(value)(mapped(one, change) for one in value)
    return {key: mapped(one, change) for key, one in value.items()} if isinstance(value, dict) else value


def same(one: Any, other: Any) -> bool:
    """Whether two nests hold equal tensors, and else equal values."""
    pairs = list(zip_longest(leaves_of(one), leaves_of(other)))
    return all(torch.equal(a, b) if _are_tensors(a, b) else type(a) is type(b) and a == b for a, b in pairs)


def tensors(value: Any) -> list[Tensor]:
    """Every tensor of a nest, in order."""
    return [leaf for leaf in leaves_of(value) if isinstance(leaf, Tensor)]


def leaves_of(value: Any) -> list[Any]:
    """Every value of a nest, in order."""
    if isinstance(value, tuple | list):
        return [leaf for one in value for leaf in leaves_of(one)]
    return leaves_of(list(value.values())) if isinstance(value, dict) else [value]


def _are_tensors(one: Any, other: Any) -> bool:
    return isinstance(one, Tensor) and isinstance(other, Tensor)
