"""Where a stream keeps its width: the last axis of tokens and of maps (n, h, w, c), the second of maps (n, c, h, w)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from harness.errors import SpecError
from harness.families.base import Unit

if TYPE_CHECKING:
    from torch import Tensor, nn


def tokens_of(net: nn.Module, unit: Unit, stream: Tensor) -> Tensor:
    """A unit's stream as (n, tokens, width); the places of a map are its tokens, row by row."""
    if stream.dim() == 3:
        return stream
    width, is_first = _width(net, unit, stream)
    return as_tokens(stream, width, is_first, unit.name)


def as_tokens(stream: Tensor, width: int, is_first: bool, where: str) -> Tensor:
    """(n, tokens, width); `is_first` decides only where both axes of a map could be the width."""
    if stream.dim() == 2:
        return stream[:, None]
    if stream.dim() == 3:
        return stream
    could_be_last, could_be_first = stream.shape[-1] == width, stream.shape[1] == width
    if stream.dim() != 4 or not (could_be_last or could_be_first):
        raise SpecError(f"{where}: no axis of {tuple(stream.shape)} is the width, {width}; its tokens cannot be told")
    keeps_first = is_first if could_be_last and could_be_first else could_be_first
    return (stream.movedim(1, -1) if keeps_first else stream).flatten(1, 2)


def _width(net: nn.Module, unit: Unit, stream: Tensor) -> tuple[int, bool]:
    """The width of a unit's stream, and whether what tells it works on maps (n, c, h, w).

    It is told by the first vector of parameters, a norm's or a bias, that is as long as one of the two axes.
    """
    from torch import nn

    maps = (nn.Conv2d, nn.BatchNorm2d, nn.GroupNorm)
    for module in _owned(net, unit):
        for parameter in module.parameters(recurse=False):
            if parameter.dim() == 1 and len(parameter) in (stream.shape[1], stream.shape[-1]):
                return len(parameter), isinstance(module, maps) or type(module).__name__.endswith("2d")
    raise SpecError(f"{unit.name}: no axis of its stream {tuple(stream.shape)} is as wide as anything that it owns")


def _owned(net: nn.Module, unit: Unit) -> Iterator[nn.Module]:
    for sublayer in unit.sublayers:
        for name in sublayer.modules:
            yield from net.get_submodule(f"{sublayer.block}.{name}").modules()
