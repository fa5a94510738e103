"""Traps of counting: what the common counters say of the same networks, and what they leave behind."""

from __future__ import annotations

import contextlib
import copy
import io
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from fvcore.nn.flop_count import FlopCountAnalysis
from ptflops import get_model_complexity_info
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.traps.spreads import rounded
from harness.collectors.cross_checks import COUNTERS, cross_check
from harness.counting import count_macs
from harness.families.base import units
from harness.families.catalogue import family_of
from harness.models import create
from harness.operators import formulas
from harness.schema import Json
from harness.surgery import remove

DEIT = "deit_tiny_patch16_224"
SHAPE = (3, 224, 224)
GONE = 4
Counter = Callable[[nn.Module, Tensor], int | None]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield


def fvcore(net: nn.Module, inputs: Tensor) -> int:
    """As it comes."""
    with _quiet(), torch.no_grad():
        analysis = FlopCountAnalysis(net, inputs)
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
        return int(analysis.total())


def ptflops(net: nn.Module, inputs: Tensor, **given: Any) -> int | None:
    """As it comes, unless a backend is given; on the network itself."""
    ask: Any = get_model_complexity_info
    with _quiet(), torch.no_grad():
        found, _ = ask(
            net,
            tuple(inputs.shape[1:]),
            as_strings=False,
            print_per_layer_stat=False,
            input_constructor=lambda _: inputs,
            **given,
        )
    return None if found is None else int(found)


def ptflops_aten(net: nn.Module, inputs: Tensor) -> int | None:
    """By what torch executes."""
    return ptflops(net, inputs, backend="aten")


def of_torch(net: nn.Module, inputs: Tensor) -> int:
    """torch's own counter, its operations halved."""
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        net(inputs)
    return counter.get_total_flops() // 2


def ours(net: nn.Module, inputs: Tensor) -> int:
    """The count of a study."""
    return count_macs(net, inputs).total


FOREIGN: dict[str, Counter] = {
    "fvcore": fvcore,
    "ptflops_default": ptflops,
    "ptflops_aten": ptflops_aten,
    "torch_half": of_torch,
}


def _built(architecture: str = DEIT) -> nn.Module:
    return create(architecture, {}, {}).requires_grad_(False)


def _inputs(items: int = 1) -> Tensor:
    return torch.zeros(items, *SHAPE)


def _without(net: nn.Module, kind: str) -> nn.Module:
    """The network without the first four of its sublayers of a kind, or of its blocks."""
    found = units(family_of(net).sublayers(net), kind)[:GONE]
    return remove(net, [sublayer for unit in found for sublayer in unit.sublayers], "skip")


def totals() -> Json:
    """deit_tiny by every counter as it comes, and by ours with the checks beside it."""
    net, inputs = _built(), _inputs()
    reference = ours(net, inputs)
    told: dict[str, Json] = {}
    for name, counter in FOREIGN.items():
        found = counter(copy.deepcopy(net), inputs)
        told[name] = {"macs": found, "off": None if found is None else rounded(found / reference - 1)}
    for name in COUNTERS:
        check = cross_check(name, net, inputs)
        told[f"{name}_as_a_study_asks"] = {
            "macs": check.macs,
            "of_it_by_convention": check.extra,
            "unexplained": check.unexplained(reference),
        }
    return {"ours": reference, **told}


def savings() -> Json:
    """The share that 4 of 12 attentions, MLPs and whole blocks save, by each counter."""
    net, inputs = _built(), _inputs()
    found: dict[str, Json] = {}
    for kind in ("attention", "mlp", "block"):
        smaller = _without(net, kind)
        shares: dict[str, Json] = {"ours": rounded(1 - ours(smaller, inputs) / ours(net, inputs))}
        for name, counter in FOREIGN.items():
            rest, whole = (counter(copy.deepcopy(one), inputs) for one in (smaller, net))
            shares[name] = None if rest is None or not whole else rounded(1 - rest / whole)
        found[kind] = shares
    return found


def kernels() -> Json:
    """The same network and weights under two attention kernels, by ptflops (aten) and by ours."""
    net, inputs = _built(), _inputs()
    found: dict[str, Json] = {}
    for kernel in (SDPBackend.MATH, SDPBackend.FLASH_ATTENTION):
        with sdpa_kernel(kernel):
            found[kernel.name.lower()] = {
                "ptflops_aten": ptflops_aten(copy.deepcopy(net), inputs),
                "ours": ours(net, inputs),
            }
    return found


def left_behind() -> Json:
    """Hooks and attributes that a count leaves on the network itself."""
    found: dict[str, Json] = {}
    for name, counter in {**FOREIGN, "ours": ours}.items():
        net = _built()
        before = {id(module): set(vars(module)) for module in net.modules()}
        counter(net, _inputs())
        hooks = sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in net.modules())
        names = sorted({key for m in net.modules() for key in set(vars(m)) - before.get(id(m), set())})
        found[name] = {"hooks": hooks, "attributes": [*names]}
    return found


def crash() -> Json:
    """torch's counter on a network whose inputs are made from parameters, without gradients; and ours."""
    net = create("cait_xxs24_224", {}, {})
    try:
        told: str | None = None
        of_torch(net, _inputs())
    except AssertionError as error:
        told = f"AssertionError: {error}"
    return {"torch": told, "ours": ours(net, _inputs())}


class _Attends(nn.Module):
    """Attention of 8 query heads to as many heads of keys and values, or to fewer."""

    def __init__(self, heads: int, is_causal: bool) -> None:
        super().__init__()
        self.heads, self.is_causal = heads, is_causal

    def forward(self, inputs: Tensor) -> Tensor:
        """Inputs (8, n, d) in, the same out."""
        keys = inputs[:, : self.heads]
        grouped = self.heads < inputs.shape[1]
        return scaled_dot_product_attention(inputs, keys, keys, is_causal=self.is_causal, enable_gqa=grouped)


def conventions() -> Json:
    """Attention of 8 heads, 64 tokens of width 32: plain, causal, with 2 heads of keys; ours and torch's alone."""
    inputs = torch.zeros(1, 8, 64, 32)
    cases = {"plain": (8, False), "causal": (8, True), "grouped": (2, False)}
    found: dict[str, Json] = {"products": 8 * 2 * 64 * 64 * 32}
    for name, (heads, is_causal) in cases.items():
        net = _Attends(heads, is_causal)
        found[name] = {"ours": ours(net, inputs), "torch_half": of_torch(net, inputs)}
    known = FlopCounterMode(display=False).flop_registry
    return {**found, "operators_that_torch_has_no_formula_for": sum(operator not in known for operator in formulas())}


def modes() -> Json:
    """Ours of the same network with gradients, in inference mode, in bf16 and of 8 images."""
    net, inputs = _built(), _inputs()
    found: dict[str, Json] = {}
    found["with_gradients"] = ours(create(DEIT, {}, {}), inputs)
    with torch.inference_mode():
        found["inference_mode"] = ours(net, inputs)
    found["bf16"] = ours(copy.deepcopy(net).bfloat16(), inputs.bfloat16())
    found["eight_images_by_8"] = ours(net, _inputs(8)) / 8
    return found


TRAPS = {
    "totals": totals,
    "savings": savings,
    "kernels": kernels,
    "left_behind": left_behind,
    "crash": crash,
    "conventions": conventions,
    "modes": modes,
}
