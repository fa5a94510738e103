"""What flows through a residual network: the stream that enters a unit, and what the unit adds to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
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
    """
    hooks: list[Any] = []
    try:
        for unit in units:
            entered: list[Tensor] = []
            first, last = _ends(unit)
            hooks.append(net.get_submodule(first).register_forward_pre_hook(_enter(entered)))
            hooks.append(net.get_submodule(last).register_forward_hook(_leave(unit, entered, seen)))
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _ends(unit: Unit) -> tuple[str, str]:
    """Paths of the module that reads x and of the module that gives the branch's output, or y itself for a block."""
    if unit.kind == "block":
        return unit.name, unit.name
    (sublayer,) = unit.sublayers
    return f"{sublayer.block}.{sublayer.modules[0]}", f"{sublayer.block}.{sublayer.modules[-1]}"


def _enter(entered: list[Tensor]) -> Callable[[Any, Any], None]:
    def hook(_: Any, inputs: tuple[Tensor, ...]) -> None:
        entered.append(inputs[0])

    return hook


def _leave(unit: Unit, entered: list[Tensor], seen: Seen) -> Callable[[Any, Any, Any], Tensor | None]:
    is_block = unit.kind == "block"

    def hook(_: Any, __: Any, output: Tensor) -> Tensor | None:
        x = entered.pop()
        changed = seen(unit, x, output - x if is_block else output)
        return x + changed if changed is not None and is_block else changed

    return hook
