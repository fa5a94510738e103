"""Sublayers taken out one by one: which of them, and what is known of each beside what is measured."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING

from harness.collectors.base import Single, Subject
from harness.collectors.params import parameters
from harness.schema import Json

if TYPE_CHECKING:
    from torch import nn

NONE_OFFERED = "no_sublayers: none can be taken out here; a network with transforms is not taken apart one by one"


def twin(net: nn.Module) -> nn.Module:
    """The same network in modules of its own; parameters and buffers are shared, so that it takes no memory."""
    shared = {id(tensor): tensor for tensor in (*net.parameters(), *net.buffers())}
    return copy.deepcopy(net, shared)


def chosen(subject: Subject, kinds: tuple[str, ...]) -> dict[str, Single] | str:
    """The sublayers of these kinds, of all where none is named; or why there are none."""
    if not subject.singles:
        return NONE_OFFERED
    known = dict.fromkeys(single.kind for single in subject.singles.values())
    strange = [kind for kind in kinds if kind not in known]
    if strange:
        return f"no_sublayers: none of kind {', '.join(strange)} in this network; known: {', '.join(known)}"
    return {name: single for name, single in subject.singles.items() if not kinds or single.kind in kinds}


def whole_of(subject: Subject) -> dict[str, int]:
    """MACs per item and parameters of the whole network."""
    from harness.counting import count_macs

    macs = count_macs(subject.baseline, subject.example(1).inputs).total
    return {"macs": macs, "params": parameters(subject.baseline)}


def facts(whole: Mapping[str, int], held: Mapping[str, Single]) -> dict[str, Json]:
    """Where each sublayer stands and what it holds, beside the whole network: what shares are read with."""
    sublayers: dict[str, Json] = {
        name: {"kind": one.kind, "depth": one.depth, "macs": one.macs, "params": one.params}
        for name, one in held.items()
    }
    return {"whole": {**whole}, "sublayers": sublayers}
