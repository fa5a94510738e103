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
_FACTORS = frozenset({"mul", "__mul__", "__rmul__", "div", "__truediv__", "dropout"})
_JOINS: dict[str, Callable[..., Any]] = {"stack": _stack, "cat": _cat}


class StandIn(nn.Module):
    """Stands where a part was that may have kept keys and values as layer `layer_idx` of a cache; None: it kept none.

    Arguments are told by position, those given by name after the others. Tokens that pass are still counted in the
    cache: positions and masks follow from its length.
    """

    def __init__(self, layer_idx: int | None = None) -> None:
        super().__init__()
        self.layer_idx = layer_idx

    def given(self, args: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
        """All arguments in their order, the tokens of the first being counted."""
        found = (*args, *named.values())
        if self.layer_idx is not None:
            cache = next((one for one in found if hasattr(one, "get_seq_length")), None)
            if cache is not None:
                from harness.caches import count_tokens  # loads transformers, which is loaded where there is a cache

                count_tokens(cache, self.layer_idx, found[0])
        return found


class Absent(StandIn):
    """Stands where a skipped branch has its head, and has no output; `passes` are arguments given back beside it.

    A head that adds its output to its argument `onto` by itself gives that argument.
    """

    def __init__(
        self, passes: tuple[int | None, ...] = (), onto: int | None = None, layer_idx: int | None = None
    ) -> None:
        super().__init__(layer_idx)
        self._passes, self._onto = passes, onto

    def forward(self, *args: Any, **named: Any) -> Any:
        """Nothing; for a compiler, which knows tensors only, a zero that it folds into the sum."""
        found = self.given(args, named)
        x = found[0]
        nothing: Any = Nothing(tuple(x.shape)) if self._onto is None else found[self._onto]
        if self._onto is None and torch.compiler.is_compiling():
            nothing = x.new_zeros(()).expand(x.shape)
        return (nothing, *_picked(found, self._passes)) if self._passes else nothing


class Through(StandIn):
    """Hands on what it is given at `stream`; a block that gives a tuple gives its arguments `returns`.

    With `onto` its first output is the sum with that argument.
    """

    def __init__(
        self,
        stream: int = 0,
        returns: tuple[int | None, ...] = (),
        onto: int | None = None,
        layer_idx: int | None = None,
    ) -> None:
        super().__init__(layer_idx)
        self._stream, self._returns, self._onto = stream, returns, onto

    def forward(self, *args: Any, **named: Any) -> Any:
        """The argument itself."""
        found = self.given(args, named)
        if self._onto is not None:
            found = (*found[: self._stream], found[self._stream] + found[self._onto], *found[self._stream + 1 :])
        return _picked(found, self._returns) if self._returns else found[self._stream]


def _picked(found: tuple[Any, ...], places: tuple[int | None, ...]) -> tuple[Any, ...]:
    return tuple(None if at is None else found[at] for at in places)


class Lenient(nn.Module):
    """A module without parameters that several branches share: it lets nothing pass where one of them is gone."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Any) -> Any:
        """What the module makes of what is there."""
        return x if isinstance(x, Nothing) else self.inner(x)
