"""Experts that run on the rows routed to them, and on nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from harness.architectures.compiling import ends_graph, uncompiled

if TYPE_CHECKING:
    from torch import Tensor, nn


@ends_graph
def routed(rows: Tensor, chosen: Tensor, experts: nn.ModuleList) -> Tensor:
    """Every row (m, ...) through the expert that `chosen` (m,) names for it, in the order of the rows; none is dropped.

    An expert without rows is not run. A row's output doesn't depend on what else is routed. For torch.compile a graph
    ends here, and each expert is one of its own for any number of rows.
    """
    order = chosen.argsort(stable=True)
    parts = torch.split(rows[order], _shares(chosen, len(experts)))
    given = torch.cat([expert(part) for expert, part in zip(experts, parts, strict=True) if len(part)])
    return torch.empty_like(given).index_copy_(0, order, given)  # the other form would copy what is empty first


@uncompiled
def _shares(chosen: Tensor, experts: int) -> list[int]:
    """How many rows each expert has.

    Without values there is nothing to route by, and all rows are dealt evenly: experts are of one size, so that their
    work together is the same however they share the rows.
    """
    if chosen.is_meta:
        return [len(chosen) // experts + (number < len(chosen) % experts) for number in range(experts)]
    found: list[int] = torch.bincount(chosen, minlength=experts).tolist()
    return found
