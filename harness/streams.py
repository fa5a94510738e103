"""What flows through a residual network: the stream that enters a unit, and what the unit adds to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from harness.families.base import Unit

if TYPE_CHECKING:
    from torch import Tensor, nn

Seen: TypeAlias = "Callable[[Unit, Tensor, Tensor], Tensor | None]"


@contextmanager
def tapped(net: nn.Module, units: Iterable[Unit], seen: Seen) -> Iterator[None]:
    """Within it, `seen(unit, x, added)` is called at every pass of `net` through each unit, in order of execution.

    x is the residual stream that enters the unit and `added` what the unit adds to it, both in the stream's layout
    (n, ..., width or channels): the branch's output for a sublayer, output minus input for a block. What `seen` gives
    back, if anything, is added instead. Every hook is gone afterwards.

    Parallel branches read, and add to, the same x. Where a branch writes only the first tokens of its stream (a class
    attention), x and `added` are those. In a network without some sublayers only units that are still there may be
    tapped, and within `removed`, not around it.
    """
    folded = _Folded(seen)
    hooks: list[Any] = [net.register_forward_pre_hook(folded.begin, with_kwargs=True)]
    try:
        for unit in units:
            sees = folded.seen if all(sublayer.branch.is_folded for sublayer in unit.sublayers) else seen
            tap = _BlockTap(unit, sees) if unit.kind == "block" else _BranchTap(unit, sees)
            hooks += tap.placed(net)
        yield
    finally:
        for hook in hooks:
            hook.remove()


class _Folded:
    """Puts the parts of each item together again for who sees them, where the first axis runs over all parts."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._items = 0

    def begin(self, _: Any, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
        """Before the network runs."""
        self._items = len(next(iter((*inputs, *named.values()))))

    def seen(self, unit: Unit, x: Tensor, added: Tensor) -> Tensor | None:
        """What is seen of whole items."""
        whole = (self._items, -1, x.shape[-1])
        changed = self._seen(unit, x.reshape(whole), added.reshape(whole))
        return None if changed is None else changed.reshape(added.shape)


class _BlockTap:
    """Hooks around a block."""

    def __init__(self, unit: Unit, seen: Seen) -> None:
        self._unit, self._seen = unit, seen
        self._frame = unit.sublayers[0].frame

    def placed(self, net: nn.Module) -> Iterator[Any]:
        """The hooks, as they are placed."""
        yield net.get_submodule(self._unit.name).register_forward_hook(self._leave)

    def _leave(self, _: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        x = inputs[self._frame.stream]
        is_tuple = isinstance(output, tuple)
        at = self._frame.returns.index(self._frame.stream) if is_tuple else 0
        changed = self._seen(self._unit, x, (output[at] if is_tuple else output) - x)
        if changed is None:
            return None
        return (*output[:at], x + changed, *output[at + 1 :]) if is_tuple else x + changed


class _BranchTap:
    """Hooks where a branch's stream is to be seen and where its output is; x is in the layout of the output."""

    def __init__(self, unit: Unit, seen: Seen) -> None:
        (self._sublayer,) = unit.sublayers
        self._unit, self._seen = unit, seen
        self._x: Any = None
        self._calls = 0
        self._window = 0

    def placed(self, net: nn.Module) -> Iterator[Any]:
        """The hooks, as they are placed."""
        sublayer, branch = self._sublayer, self._sublayer.branch
        block = net.get_submodule(sublayer.block)
        self._window = getattr(block, branch.windows) if branch.windows else 0
        yield block.register_forward_pre_hook(self._begin)
        if branch.entry != ".":
            entry = branch.entry or sublayer.modules[0]
            yield block.get_submodule(entry).register_forward_pre_hook(self._enter)
        yield net.get_submodule(sublayer.tap).register_forward_hook(self._leave)

    def _begin(self, _: Any, inputs: tuple[Any, ...]) -> None:
        self._calls = 0
        if self._sublayer.branch.entry == ".":
            self._x = inputs[self._sublayer.frame.stream]

    def _enter(self, _: Any, inputs: tuple[Any, ...]) -> None:
        self._x = inputs[0]

    def _leave(self, _: Any, __: Any, output: Any) -> Any:
        call, self._calls = self._calls, self._calls + 1
        if call != self._sublayer.branch.call:
            return None
        x, self._x = self._x, None
        branch = self._sublayer.branch
        if x.dim() > output.dim():  # a map, channels first, of which the branch made tokens
            x = x.flatten(2).transpose(1, 2)
        if branch.tokens is not None:
            x = x[:, : branch.tokens]
        if self._window:
            changed = self._seen(self._unit, x, _joined(output, x.shape, self._window))
            return None if changed is None else _cut(changed, self._window)
        if branch.hands_on:
            changed = self._seen(self._unit, x, output - x)
            return None if changed is None else x + changed
        return self._seen(self._unit, x, output)


def _joined(windows: Tensor, shape: Sequence[int], side: int) -> Tensor:
    """(n, height, width, channels) from (n windows, side, side, channels), without what the last ones jut out."""
    n, height, width, channels = shape
    rows, columns = -(-height // side), -(-width // side)
    joined = windows.reshape(n, rows, columns, side, side, channels).transpose(2, 3)
    return joined.reshape(n, rows * side, columns * side, channels)[:, :height, :width]


def _cut(x: Tensor, side: int) -> Tensor:
    """The inverse, with zeros where the last windows jut out."""
    n, height, width, channels = x.shape
    rows, columns = -(-height // side), -(-width // side)
    padded = x.new_zeros(n, rows * side, columns * side, channels)
    padded[:, :height, :width] = x
    cut = padded.reshape(n, rows, side, columns, side, channels).transpose(2, 3)
    return cut.reshape(-1, side, side, channels)
