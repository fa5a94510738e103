"""How each item's loss answers to a gate on what a unit adds: derivatives per item, for all units in one pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from harness.criteria.base import Scoring
from harness.errors import SpecError
from harness.streams import tapped
from harness.tasks.base import Batch

if TYPE_CHECKING:
    from torch import Tensor, nn

    from harness.families.base import Unit


def gate_derivatives(scoring: Scoring) -> dict[str, Tensor]:
    """dL_i/dg at g = 1 of every item's own loss L_i, float64 on the CPU, (items,), for each unit by name.

    Each item has a gate g of its own on what a unit adds: u = x + g a under `skip` (for a block, y = x + g (block(x)
    - x)), u = (2 - g) x + g a under `identity`; so g = 1 is the network as it is, and g = 0 the removal. Items do not
    meet in eval mode, hence the gradient of their summed loss holds each item's derivative. One forward and one
    backward pass over the items; parameters get no gradient.
    """
    import torch

    found: dict[str, list[Tensor]] = {unit.name: [] for unit in scoring.units}
    with torch.inference_mode(mode=False), torch.enable_grad(), _frozen(scoring.net):
        for batch in scoring.batches:
            for name, derivatives in _of_batch(scoring, _ordinary(batch.to(scoring.device))).items():
                found[name].append(derivatives.double().cpu())
    return {name: torch.cat(parts) if parts else torch.empty(0) for name, parts in found.items()}


def _of_batch(scoring: Scoring, batch: Batch) -> dict[str, Tensor]:
    """The derivatives of one batch, (n,) for each unit."""
    import torch

    gates: dict[str, Tensor] = {}

    def seen(unit: Unit, x: Tensor, added: Tensor) -> Tensor:
        gate = gates.setdefault(unit.name, torch.ones(len(batch), device=added.device, requires_grad=True))
        return _gated(gate, x, added, scoring.removal, unit)

    with tapped(scoring.net, scoring.units, seen):
        outputs = scoring.task.forward(scoring.net, batch)
    absent = [unit.name for unit in scoring.units if unit.name not in gates]
    if absent:
        raise SpecError(f"{absent[0]} takes no part in a forward pass: it has no gate")
    summed = scoring.task.loss(outputs, batch) * scoring.task.scored(batch)
    names = [unit.name for unit in scoring.units]
    # What no output depends on (the last block's patch tokens alone) has the derivative 0.
    derivatives = torch.autograd.grad(summed, [gates[name] for name in names], materialize_grads=True)
    # An item's own loss is the mean over its predictions.
    predictions = scoring.task.predictions(batch)
    return {name: found / predictions.to(found.device) for name, found in zip(names, derivatives, strict=True)}


def _ordinary(batch: Batch) -> Batch:
    """The same items; what was made in inference mode cannot take part in a backward pass, and is copied."""
    return batch.changed(lambda tensor: tensor.clone() if tensor.is_inference() else tensor)


def _gated(gate: Tensor, x: Tensor, added: Tensor, removal: str, unit: Unit) -> Tensor:
    """What is added instead of `added`, at every gate; at 1 it is `added`, to the bit."""
    if added.shape[0] != gate.shape[0]:
        shapes = f"{gate.shape[0]} items go in, a first axis of {added.shape[0]} is added"
        raise SpecError(f"{unit.name} doesn't keep items apart: {shapes}")
    factor = gate.to(added.dtype).reshape(-1, *[1] * (added.dim() - 1))
    return factor * added + (1 - factor) * x if removal == "identity" else factor * added


@contextmanager
def _frozen(net: nn.Module) -> Iterator[None]:
    """Within it no parameter asks for a gradient: nothing is kept for derivatives that nobody reads."""
    asking = [parameter for parameter in net.parameters() if parameter.requires_grad]
    try:
        for parameter in asking:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter in asking:
            parameter.requires_grad_(True)
