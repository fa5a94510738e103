"""What a network would multiply if the second layers of its MLPs met active units alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

from harness.hidden import Hidden

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class SecondLayer:
    """What reads the hidden units of an MLP: so many tokens of an item, `width` units in, `outputs` out.

    At most `most` units fire on a token: the k of a Top-k, else all.
    """

    mlp: str
    tokens: int
    width: int
    outputs: int
    most: int

    def macs(self, active: Fraction | int) -> Fraction:
        """For an item with so many active units per token: tokens * outputs * active."""
        return Fraction(self.tokens * self.outputs) * active


@dataclass(frozen=True)
class DenseMacs:
    """MACs of an item where every unit is met, `total`, of which those of the second layers are known one by one."""

    total: int
    layers: tuple[SecondLayer, ...]

    def second(self, active: Mapping[str, Fraction | int] | None = None) -> Fraction:
        """Of the second layers, with the mean number of active units of each MLP; without one all are."""
        return sum((one.macs(one.width if active is None else active[one.mlp]) for one in self.layers), Fraction(0))

    def sparse(self, active: Mapping[str, Fraction | int]) -> Fraction:
        """Of the whole item: the first layers, attention and all else stay as they are."""
        return self.total - self.second() + self.second(active)

    def at_most(self, k: int | None = None) -> Fraction:
        """With as many active units as a Top-k lets through; `k` is asked of all MLPs."""
        return self.sparse({one.mlp: min(one.width, one.most if k is None else k) for one in self.layers})


def dense_macs(net: nn.Module, mlps: Sequence[Hidden], inputs: Tensor) -> DenseMacs:
    """Counts one pass of `inputs` (1, ...) as `macs` does, and tokens at the second layers."""
    from harness.counting import count_macs

    tokens: dict[str, int] = {}
    count = count_macs(net, inputs, partial(_run, mlps, tokens))
    ran = [one for one in mlps if one.mlp in tokens]
    layers = tuple(SecondLayer(one.mlp, tokens[one.mlp], one.width, one.outputs, _most(net, one)) for one in ran)
    # A layer that skips zeros is counted as what it met: put back what it would meet of all.
    met = sum(count.by_module.get(one.second, 0) for one in mlps)
    whole = sum(int(one.macs(one.width)) for one in layers)
    return DenseMacs(count.total - met + whole, layers)


def _run(mlps: Sequence[Hidden], tokens: dict[str, int], net: nn.Module, inputs: Tensor) -> None:
    """Runs a copy that is thrown away, so hooks need not go."""
    tokens.clear()
    for one in mlps:
        net.get_submodule(one.second).register_forward_pre_hook(partial(_note, one, tokens))
    net(inputs)


def _note(one: Hidden, tokens: dict[str, int], _: nn.Module, given: tuple[Any, ...]) -> None:
    tokens[one.mlp] = tokens.get(one.mlp, 0) + given[0].numel() // one.width


def _most(net: nn.Module, one: Hidden) -> int:
    k = getattr(net.get_submodule(one.path), "k", None)
    return one.width if k is None else min(int(k), one.width)
