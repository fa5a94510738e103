"""A decoder laid over several devices: its blocks in order, one device after the other, all else on the first."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from harness.families.catalogue import family_of

if TYPE_CHECKING:
    from torch import Tensor, nn


def dealt(sizes: Sequence[int], rest: int, places: int) -> tuple[int, ...]:
    """The place of each block, from 0, such that the fullest place holds as little as can be.

    `sizes` are those of the blocks in their order, `rest` that of all else, which place 0 holds. A block lies on the
    place of the one before it, or on the next.
    """
    least, most = max([rest, *sizes]), rest + sum(sizes)
    limit = least + bisect_left(range(least, most), True, key=lambda held: _filled(sizes, rest, held)[-1] < places)
    return _filled(sizes, rest, limit)


def _filled(sizes: Sequence[int], rest: int, limit: int) -> tuple[int, ...]:
    """As many blocks on each place as go under the limit."""
    place, held = 0, rest
    found: list[int] = []
    for size in sizes:
        if held + size > limit:
            place, held = place + 1, 0
        held += size
        found.append(place)
    return tuple(found)


@dataclass(frozen=True)
class Layout:
    """Where the parts of a network lie; `sizes` and `rest` are parameters of the blocks and of all else."""

    blocks: tuple[str, ...]
    sizes: tuple[int, ...]
    rest: int
    places: tuple[int, ...]

    @property
    def fullest(self) -> int:
        """Parameters on the place that holds most."""
        held = {0: self.rest}
        for size, place in zip(self.sizes, self.places, strict=True):
            held[place] = held.get(place, 0) + size
        return max(held.values())

    @property
    def share(self) -> float:
        """Of the blocks, those on the place that has most of them."""
        return max(map(self.places.count, self.places)) / len(self.places)


def layout_of(net: nn.Module, places: int) -> Layout:
    """How a decoder would lie on so many devices; raises UnknownNameError for a network without a family."""
    blocks = tuple(dict.fromkeys(sublayer.block for sublayer in family_of(net).sublayers(net)))
    sizes = tuple(_params(net.get_submodule(path)) for path in blocks)
    rest = _params(net) - sum(sizes)
    return Layout(blocks, sizes, rest, dealt(sizes, rest, places))


def shard(net: nn.Module, devices: Sequence[str]) -> nn.Module:
    """The network itself, laid over the devices; inputs and outputs are on the first of them.

    What a block is given is brought to its device, so a block that is taken out, put back or replaced needs no care,
    and copies of the network lie as it does. It is not to be moved as a whole afterwards.
    """
    found = layout_of(net, len(devices))
    for path, place in zip(found.blocks, found.places, strict=True):
        block, device = net.get_submodule(path), devices[place]
        for module in block.modules():
            _move_own(module, device)
        block.register_forward_pre_hook(Brought(device), with_kwargs=True)
    for module in _outside(net, found.blocks):
        _move_own(module, devices[0])
        if any(True for _ in module.parameters(recurse=False)):
            module.register_forward_pre_hook(Brought(devices[0]), with_kwargs=True)
    return net


class Brought:
    """A hook that brings tensors among a module's arguments to its device; an object, so that copies have their own.

    A cache brings its own tensors along: each layer keeps them where its block makes them. On the meta device, where
    operations are counted, nothing is brought anywhere.
    """

    def __init__(self, device: str) -> None:
        self.device = device

    def __call__(self, _module: nn.Module, args: Any, named: Any) -> tuple[Any, Any]:
        """The arguments on the device."""
        return _brought(args, self.device), _brought(named, self.device)


def _brought(value: Any, device: str) -> Any:
    """A nest of tuples, lists and mappings with its tensors on the device."""
    from torch import Tensor

    if isinstance(value, Tensor):
        return value if value.device.type == "meta" else value.to(device)
    if isinstance(value, tuple | list):
        return type(value)(map(partial(_brought, device=device), value))
    return {key: _brought(one, device) for key, one in value.items()} if isinstance(value, dict) else value


def _outside(net: nn.Module, blocks: Sequence[str]) -> list[nn.Module]:
    """Modules that lie in no block."""
    inside = {module for path in blocks for module in net.get_submodule(path).modules()}
    return [module for module in net.modules() if module not in inside]


def _move_own(module: nn.Module, device: str) -> None:
    """Moves what a module holds itself: the whole network, moved at once, may be larger than the device."""
    for parameter in module.parameters(recurse=False):
        parameter.data = parameter.data.to(device)  # in place, so that parameters that are shared stay shared
    for name, buffer in module.named_buffers(recurse=False):
        setattr(module, name, buffer.to(device))


def _params(net: nn.Module) -> int:
    parameters: list[Tensor] = list(net.parameters())  # one that two modules share once
    return sum(parameter.numel() for parameter in parameters)
