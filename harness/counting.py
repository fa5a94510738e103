"""The reference count of multiply-accumulates (MACs) of a forward pass."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch._ops import HigherOrderOperator
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_flatten, tree_map
from torch.utils.flop_counter import FlopCounterMode

from harness.operators import Formula, formulas, given_elements, is_free, reads_values

Run = Callable[[nn.Module, Tensor], object]  # what is done with a network and its inputs


@dataclass(frozen=True)
class MacCount:
    """MACs of one forward pass in eval mode: convolutions, linear maps, matrix products and attention, no biases.

    `by_operator` is keyed by torch's names (`aten.addmm`), `by_module` by module paths, each including what it holds
    (the network itself is ""); modules without MACs are absent. `activations` are the elements that the counted
    operators give out; fused attention gives scores and output, as its two products do. `uncounted` names operators
    that ran, have no formula and are not known to be free of MACs: where it is not empty, `total` is a lower bound.
    `read_by` names operators that looked at values: where it is not empty, other inputs may cost something else.
    A kernel that is started past torch's dispatcher is not seen.
    """

    total: int
    by_operator: dict[str, int]
    by_module: dict[str, int]
    uncounted: tuple[str, ...]
    activations: int = 0
    read_by: tuple[str, ...] = ()


def _forward(net: nn.Module, inputs: Tensor) -> object:
    return net(inputs)


def count_macs(net: nn.Module, inputs: Tensor, run: Run = _forward) -> MacCount:
    """Counts `net(inputs)` on a weightless copy, or a full one where meta cannot run it; `net` is not touched.

    A compiled network is counted as the one it was compiled from. `run` says what is done with the network instead.
    """
    net = _eager(net)
    try:
        return _counted(weightless(net), inputs.to("meta"), run)
    except (RuntimeError, TypeError, ValueError):
        # A value that is read, or a constant that is no buffer, needs real tensors. A fault of the network shows again.
        if inputs.is_meta:
            raise
        return _counted(_plain(copy.deepcopy(net).requires_grad_(False)), inputs, run)


def weightless(net: nn.Module) -> nn.Module:
    """A deep copy on the meta device, in eval mode, made without copying a single weight."""
    made: dict[int, Any] = {id(p): nn.Parameter(p.detach().to("meta"), requires_grad=False) for p in net.parameters()}
    made |= {id(b): b.detach().to("meta") for b in net.buffers()}
    return _plain(copy.deepcopy(net, made))


def _eager(net: nn.Module) -> nn.Module:
    """What torch.compile was given, for what it gave; any other network is itself."""
    inner = getattr(net, "_orig_mod", None)
    return inner if isinstance(inner, nn.Module) else net


def _plain(copied: nn.Module) -> nn.Module:
    """A copy in eval mode in which nothing is compiled."""
    for parent in list(copied.modules()):
        parent._compiled_call_impl = None
        for name, child in parent.named_children():
            if _eager(child) is not child:
                parent.add_module(name, _eager(child))
    return copied.eval()


def _counted(net: nn.Module, inputs: Tensor, run: Run) -> MacCount:
    # Parameters must not require gradients here: torch's module tracker stumbles over inputs that are made from them.
    watcher, reader, tally = _Watcher(), _Reader(), _Tally()
    known = formulas()
    counter = FlopCounterMode(
        display=False, custom_mapping={operator: tally.noting(operator, known[operator]) for operator in known}
    )
    with torch.no_grad(), _apart(), reader, watcher, counter, _HigherOrder(watcher):
        run(net, inputs)
    strangers = {str(func.overloadpacket) for func in watcher.seen if func.overloadpacket not in known}
    strangers -= {str(func.overloadpacket) for func in watcher.seen if is_free(func)}
    by_operator = {str(operator): flops // 2 for operator, flops in counter.get_flop_counts().get("Global", {}).items()}
    return MacCount(
        total=counter.get_total_flops() // 2,
        by_operator=by_operator,
        by_module=_by_path(type(net).__name__, counter.get_flop_counts()),
        uncounted=tuple(sorted(strangers | watcher.opaque)),
        activations=tally.elements,
        read_by=tuple(sorted(watcher.read_by | reader.read_by)),
    )


@contextmanager
def _apart() -> Iterator[None]:
    """Without kernels that run a whole encoder layer in one, and without what is compiled inside a forward pass."""
    was = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        # The compiler takes seconds to load; where nothing loaded it, nothing is compiled.
        is_loaded = any(name in sys.modules for name in ("torch._dynamo", "torch.nn.attention.flex_attention"))
        can_skip = is_loaded and hasattr(torch.compiler, "set_stance")  # since torch 2.6
        with torch.compiler.set_stance("force_eager") if can_skip else nullcontext():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(was)


@dataclass
class _Tally:
    """Adds up the elements that counted operators give out."""

    elements: int = 0

    def noting(self, operator: Any, formula: Formula) -> Callable[..., int]:
        """The formula, which also adds up what its operator gave out."""

        def noted(*args: Any, out_val: Any = None, **kwargs: Any) -> int:
            flops = formula(*args, out_val=out_val, **kwargs)
            self.elements += given_elements(operator, args, out_val, flops // 2)
            return flops

        setattr(noted, "_get_raw", True)  # noqa: B010  # torch's mark of a formula that takes tensors, not shapes
        return noted


@dataclass(frozen=True)
class _Layout:
    """All that a tensor without values is."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype

    @classmethod
    def of(cls, leaf: Any) -> Any:
        """The layout of a tensor; anything else is itself."""
        return cls(tuple(leaf.shape), leaf.stride(), leaf.dtype) if isinstance(leaf, Tensor) else leaf

    @classmethod
    def made(cls, leaf: Any) -> Any:
        """A fresh meta tensor for a layout; anything else is itself."""
        if not isinstance(leaf, cls):
            return leaf
        return torch.empty_strided(leaf.shape, leaf.stride, dtype=leaf.dtype, device="meta")


class _Watcher(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's base is not annotated
    """Runs every operator, after those made of others have fallen apart, and notes which ran with tensors.

    Without values, equal layouts in give equal layouts out. Those are remembered, because blocks repeat and torch
    works out the layouts of norms, sums and activations in slow Python.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's base is not annotated
        self.seen: set[Any] = set()
        self.opaque: set[str] = set()
        self.read_by: set[str] = set()
        self._layouts: dict[Any, Any] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        leaves, structure = tree_flatten((args, kwargs))
        tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
        if not tensors:
            return func(*args, **kwargs)
        self.seen.add(func)
        if reads_values(func, leaves):
            self.read_by.add(str(func.overloadpacket))
        if func.is_view or func._schema.is_mutable or not all(tensor.is_meta for tensor in tensors):
            return func(*args, **kwargs)
        key = (func, structure, *map(_Layout.of, leaves))
        if key not in self._layouts:
            self._layouts[key] = tree_map(_Layout.of, func(*args, **kwargs))
        return tree_map(_Layout.made, self._layouts[key])


class _HigherOrder(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's base is not annotated
    """Lets operators that run Python (flexible attention, conditions, loops) fall apart into what they run.

    Of conditions and loops that is what the values ask for. Any other such operator runs unwatched, and is noted.
    """

    supports_higher_order_operators = True

    def __init__(self, watcher: _Watcher) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's base is not annotated
        self._watcher = watcher

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if not isinstance(func, HigherOrderOperator):
            return func(*args, **(kwargs or {}))
        name = func.__name__
        if name == "cond":
            is_met, then, otherwise, operands = args
            with self:
                return (then if is_met else otherwise)(*operands)
        kernel = func.py_kernels[torch._C.DispatchKey.CompositeExplicitAutograd]
        if name in ("flex_attention", "while_loop"):
            with self:
                return kernel(*args, **(kwargs or {}))
        self._watcher.opaque.add(name)
        with _disable_current_modes():
            return kernel(*args, **(kwargs or {}))


@dataclass
class _Reader(TorchFunctionMode):
    """Notes the ways in which values leave torch without an operator."""

    read_by: set[str] = field(default_factory=set)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in (Tensor.tolist, Tensor.numpy, Tensor.__array__):
            self.read_by.add(f"Tensor.{func.__name__}")
        return func(*args, **(kwargs or {}))


def _by_path(root: str, counts: Mapping[str, Mapping[Any, int]]) -> dict[str, int]:
    # The tracker puts the class of the network in front of every path.
    flops = {name: sum(of_module.values()) for name, of_module in counts.items()}
    return {
        name.removeprefix(root).removeprefix("."): total // 2
        for name, total in flops.items()
        if name == root or name.startswith(f"{root}.")
    }
