"""What fvcore and ptflops count for the same network, and how much of the difference is a known convention."""

from __future__ import annotations

import contextlib
import copy
import io
import math
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Check:
    """One counter's MACs; `extra` of them are operations that our convention leaves out. Null with a reason.

    `unseen` names operators that it has no formula for and that may have MACs.
    """

    macs: int | None
    extra: int = 0
    reason: str | None = None
    unseen: tuple[str, ...] = ()

    def difference(self, reference: int) -> float | None:
        """Relative to the reference, as the counter reports it."""
        return None if self.macs is None or not reference else self.macs / reference - 1

    def unexplained(self, reference: int) -> float | None:
        """The same without `extra`: what stays is a disagreement about the network."""
        return None if self.macs is None or not reference else (self.macs - self.extra) / reference - 1


def cross_check(name: str, net: nn.Module, inputs: Tensor) -> Check:
    """What the counter called `name` finds on a copy of the network; null with a reason where it fails or is absent."""
    printed = io.StringIO()
    try:
        with _silence(printed):
            return COUNTERS[name](_copy(net), _plain(inputs), printed)
    except ImportError:
        return Check(None, reason=f"{name} is not installed")
    except Exception as error:  # noqa: BLE001  # a counter that trips over a network must not stop the count
        return Check(None, reason=f"{name} failed: {_line(error)}")


def _fvcore(net: nn.Module, inputs: Tensor, _: io.StringIO) -> Check:
    """With a formula for fused attention, which it counts as nothing; it adds five operations per normed element."""
    from fvcore.nn.flop_count import FlopCountAnalysis

    analysis = FlopCountAnalysis(net, inputs)
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
    analysis.set_op_handle("aten::scaled_dot_product_attention", _attention_macs)
    by_operator = analysis.by_operator()
    extra = sum(count for name, count in by_operator.items() if name.endswith("_norm"))
    return Check(int(sum(by_operator.values())), int(extra), unseen=_unseen(analysis.unsupported_ops()))


def _ptflops(net: nn.Module, inputs: Tensor, printed: io.StringIO) -> Check:
    """What torch executes with attention unfused, since fused kernels count as nothing; it adds biases."""
    import ptflops

    modules: Iterator[Any] = net.modules()
    for module in modules:
        if hasattr(module, "fused_attn"):
            module.fused_attn = False
    counter: Any = ptflops.get_model_complexity_info
    with _unfused():
        extra = _biases(net, inputs)
        found, _ = counter(
            net,
            tuple(inputs.shape[1:]),
            as_strings=False,
            print_per_layer_stat=False,
            backend="aten",
            input_constructor=lambda _: inputs,
            ost=printed,
            verbose=True,
        )
    if found is None:  # it prints an error instead of raising it
        return Check(None, reason=f"ptflops failed: {_line(printed.getvalue())}")
    return Check(found, extra, unseen=_unseen(re.findall(r"Warning: (\S+) operation is treated", printed.getvalue())))


def _unseen(operators: Iterable[str]) -> tuple[str, ...]:
    from harness.operators import may_multiply

    return tuple(sorted({name.replace("::", ".") for name in operators if may_multiply(name)}))


def _attention_macs(inputs: list[Any], _: list[Any]) -> int:
    """q (..., n, d), k (..., m, d), v (..., m, e): n m (d + e) for each of the leading dimensions."""
    query, key, value = (item.type().sizes() for item in inputs[:3])
    rows: int = math.prod(query[:-1])
    return rows * int(key[-2]) * int(query[-1] + value[-1])


def _biases(net: nn.Module, inputs: Tensor) -> int:
    """Additions of a bias in linear and convolutional modules, one per output element."""
    import torch

    added: list[int] = []

    def count(module: nn.Module, _: object, output: Tensor) -> None:
        if getattr(module, "bias", None) is not None:
            added.append(output.numel())

    kinds = (torch.nn.Linear, torch.nn.modules.conv._ConvNd)
    hooks = [module.register_forward_hook(count) for module in net.modules() if isinstance(module, kinds)]
    net(inputs)
    for hook in hooks:
        hook.remove()
    return sum(added)


def _copy(net: nn.Module) -> nn.Module:
    """The network's modules anew, in single precision on the CPU: counters leave hooks, and one needs real tensors.

    Weights that are so already are shared, not copied; no counter writes to them.
    """
    from torch import nn

    made: dict[int, Any] = {id(p): nn.Parameter(_plain(p), requires_grad=False) for p in net.parameters()}
    made |= {id(buffer): _plain(buffer) for buffer in net.buffers()}
    return copy.deepcopy(net, made).eval()


def _plain(tensor: Tensor) -> Tensor:
    held = tensor.detach().cpu()
    return held.float() if held.is_floating_point() else held


@contextlib.contextmanager
def _unfused() -> Iterator[None]:
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    with torch.inference_mode(False), torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        yield


@contextlib.contextmanager
def _silence(sink: io.StringIO) -> Iterator[None]:
    with warnings.catch_warnings(), contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
        warnings.simplefilter("ignore")
        yield


def _line(found: object) -> str:
    """The last line of a message, without what follows it."""
    lines = [line for line in str(found).splitlines() if line.strip()]
    return lines[-1].strip()[:200] if lines else type(found).__name__


COUNTERS: dict[str, Callable[[nn.Module, Tensor, io.StringIO], Check]] = {"fvcore": _fvcore, "ptflops": _ptflops}
