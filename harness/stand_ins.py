"""What stands where parts of a network were: the output of a branch that is gone, and modules that give it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class Nothing:
    """The output of a branch that is gone: a sum with it is the other summand itself, without a copy.

    It stays nothing under what is linear: a factor, another layout, a part of it. Anything else fails: a bias, a norm
    or a nonlinearity of nothing would be something. `shape` is that of the input where the branch began.
    """

    def __init__(self, shape: tuple[int, ...] = ()) -> None:
        self.shape = shape

    def __add__(self, other: Any) -> Any:
        return other if isinstance(other, (Tensor, Nothing)) else NotImplemented

    __radd__ = __add__

    def __mul__(self, _: Any) -> Nothing:
        return self

    __rmul__ = __truediv__ = mul = __mul__

    def __getitem__(self, key: Any) -> Nothing:
        return self._like(lambda x: x[key])

    def contiguous(self) -> Nothing:
        """Itself."""
        return self

    def sum(self, dim: int) -> Nothing:
        """Nothing, one axis less."""
        return self._like(lambda x: x.sum(dim))

    def reshape(self, *shape: Any) -> Nothing:
        """Nothing of another shape, as all that follow."""
        return self._like(lambda x: x.reshape(*shape))

    view = reshape

    def flatten(self, *dims: int) -> Nothing:
        """As of a tensor."""
        return self._like(lambda x: x.flatten(*dims))

    def permute(self, *dims: Any) -> Nothing:
        """As of a tensor."""
        return self._like(lambda x: x.permute(*dims))

    def transpose(self, first: int, second: int) -> Nothing:
        """As of a tensor."""
        return self._like(lambda x: x.transpose(first, second))

    def _like(self, change: Callable[[Tensor], Tensor]) -> Nothing:
        return Nothing(tuple(change(torch.empty(self.shape, device="meta")).shape))

    @classmethod
    def __torch_function__(cls, function: Any, _: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        """What torch does with it beside a tensor."""
        name = function.__name__
        if name in _SUMS and all(isinstance(one, (Tensor, cls)) for one in args):
            return next((one for one in args if isinstance(one, Tensor)), args[0])
        if name in _FACTORS:
            return next(one for one in args if isinstance(one, cls))
        joined = _JOINS.get(name)
        if joined is not None:
            found = joined(*args, **(kwargs or {}))
            if found is not None:
                return found
        raise TypeError(f"{name} of a branch that was removed: only what is linear may follow where a branch ends")


class Stacked:
    """Outputs of parallel branches, of which some are gone: only their sum is wanted."""

    def __init__(self, there: list[Tensor]) -> None:
        self._there = there

    def sum(self, dim: int) -> Tensor:
        """The sum of those that are there; `dim` is the axis that they were stacked along."""
        if dim != 0:
            raise TypeError("outputs of parallel branches, of which some were removed, can only be summed")
        return torch.stack(self._there).sum(dim=0)


def _stack(parts: Any, dim: int = 0) -> Any:
    there = [part for part in parts if not isinstance(part, Nothing)]
    if dim != 0:
        return None
    return Stacked(there) if there else Nothing((len(parts), *parts[0].shape))


def _cat(parts: Any, dim: int = 0) -> Nothing | None:
    if not all(isinstance(part, Nothing) for part in parts):
        return None
    return Nothing(tuple(torch.cat([torch.empty(part.shape, device="meta") for part in parts], dim).shape))


_SUMS = frozenset({"add", "__add__", "__radd__", "add_", "__iadd__"})
_FACTORS = frozenset({"mul", "__mul__", "__rmul__", "div", "__truediv__"})
_JOINS: dict[str, Callable[..., Any]] = {"stack": _stack, "cat": _cat}


class Absent(nn.Module):
    """Stands where a skipped branch has its head, and has no output; `passes` are arguments given back beside it."""

    def __init__(self, passes: tuple[int, ...] = ()) -> None:
        super().__init__()
        self._passes = passes

    def forward(self, *args: Any, **_: Any) -> Any:
        """Nothing; for a compiler, which knows tensors only, a zero that it folds into the sum."""
        x = args[0]
        nothing: Any = Nothing(tuple(x.shape))
        if torch.compiler.is_compiling():
            nothing = x.new_zeros(()).expand(x.shape)
        return (nothing, *(args[at] for at in self._passes)) if self._passes else nothing


class Through(nn.Module):
    """Hands on what it is given at `stream`; a block that gives a tuple gives its arguments `returns`."""

    def __init__(self, stream: int = 0, returns: tuple[int, ...] = ()) -> None:
        super().__init__()
        self._stream, self._returns = stream, returns

    def forward(self, *args: Any, **_: Any) -> Any:
        """The argument itself."""
        return tuple(args[at] for at in self._returns) if self._returns else args[self._stream]


class Lenient(nn.Module):
    """A module without parameters that several branches share: it lets nothing pass where one of them is gone."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Any) -> Any:
        """What the module makes of what is there."""
        return x if isinstance(x, Nothing) else self.inner(x)
