"""The sublayers of a bench's network one by one, each with what goes when it alone is removed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from harness.collectors.base import Single
from harness.collectors.singles import twin
from harness.families.base import Sublayer
from harness.inventory import SublayerInfo
from harness.stages.base import Bench
from harness.surgery import removed

if TYPE_CHECKING:
    from torch import nn

REMOVAL = "skip"  # the sublayer gone with all it costs, in whatever form a trial removes


def singles_of(bench: Bench, whole: nn.Module) -> dict[str, Single]:
    """By name, in order of execution; none where transforms change what a sublayer costs.

    `whole` is the network on its device, in the runtime's precision.
    """
    if bench.transforms:
        return {}
    infos = bench.inventory.sublayers
    units = [unit for kind in dict.fromkeys(info.kind for info in infos) for unit in bench.inventory.units(kind)]
    parts = {unit.name: unit.sublayers for unit in units}
    return {info.name: _single(bench, whole, info, parts[info.name]) for info in infos}


def _single(bench: Bench, whole: nn.Module, info: SublayerInfo, gone: tuple[Sublayer, ...]) -> Single:
    params, macs = bench.inventory.saved([info.name])
    return Single(info.kind, info.depth, params, macs, partial(_without, whole, gone))


def _without(whole: nn.Module, gone: tuple[Sublayer, ...]) -> nn.Module:
    """The network without the sublayers, on the weights of `whole`: no copy of them is made."""
    with removed(whole, gone, REMOVAL):
        return twin(whole)
