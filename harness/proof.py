"""Proves that a removed network is the masked original, and that exactly the removed parts are gone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from harness.counting import count_macs
from harness.families.base import Sublayer, emptied
from harness.inventory import Inventory
from harness.records import Proof
from harness.surgery import masked

TOLERANCE = 1e-5  # relative to the largest output, and at least this much; for fp32


def prove(
    net: nn.Module,
    candidate: nn.Module,
    sublayers: Iterable[Sublayer],
    removal: str,
    inputs: Tensor,
    inventory: Inventory,
) -> Proof:
    """Compares outputs (n, ...) on `inputs` (n, ...), parameters, and MACs per item; both networks in fp32, one device.

    The removal is proved before any training: afterwards the weights differ for a good reason.
    """
    sublayers = tuple(sublayers)
    params = (_left(net, sublayers, removal), sum(p.numel() for p in candidate.parameters()))
    saved = inventory.saved(s.name for s in sublayers)[1] if removal == "skip" else _owned_macs(inventory, sublayers)
    count = count_macs(candidate, inputs[:1])
    # A network that looks at values costs what its items cost: nothing follows from another item's count.
    macs = None if count.read_by else (inventory.macs - saved, count.total)
    found, expected = _outputs(net, candidate, sublayers, removal, inputs)
    difference, tolerance = _difference(found, expected)
    reasons = [
        *_unlike_outputs(difference, tolerance),
        *_unlike("parameters", *params),
        *(_unlike("MACs", *macs) if macs else ()),
    ]
    return Proof(
        status="failed" if reasons else "passed",
        reason="; ".join(reasons) or None,
        max_abs_difference=difference,
        tolerance=tolerance,
        params_expected=params[0],
        params_found=params[1],
        macs_expected=macs[0] if macs else None,
        macs_found=macs[1] if macs else None,
    )


def _left(net: nn.Module, sublayers: tuple[Sublayer, ...], removal: str) -> int:
    """Parameters of the network less those that only the sublayers own; what others hold too stays, and counts once."""
    owned = {f"{s.block}.{name}" for s in sublayers for name in (*s.modules, *s.branch.parameters)}
    if removal == "skip":
        owned |= emptied(sublayers)
    named = net.named_parameters(remove_duplicate=False)
    return sum({id(p): p.numel() for name, p in named if not owned.intersection(_ancestors(name))}.values())


def _ancestors(path: str) -> list[str]:
    """A path and all that it lies in: `a.b` and `a`."""
    parts = path.split(".")
    return [".".join(parts[: end + 1]) for end in range(len(parts))]


def _owned_macs(inventory: Inventory, sublayers: tuple[Sublayer, ...]) -> int:
    return sum(s.macs for s in inventory.chosen(s.name for s in sublayers))


def _outputs(
    net: nn.Module, candidate: nn.Module, sublayers: tuple[Sublayer, ...], removal: str, inputs: Tensor
) -> tuple[Tensor, Tensor]:
    with _in_eval(net), _in_eval(candidate), torch.no_grad():
        with masked(net, sublayers, removal):
            expected = _output(net, inputs)
        found = _output(candidate, inputs)
    return found.double(), expected.double()


def _output(net: nn.Module, inputs: Tensor) -> Tensor:
    """What a network gives for items (n, ...); a language model gives more beside its logits."""
    given = net(inputs)
    output: Tensor = given if isinstance(given, Tensor) else given.logits
    return output


def _difference(found: Tensor, expected: Tensor) -> tuple[float | None, float | None]:
    """Largest absolute difference and what is tolerated; null where there is no such number."""
    tolerance = float(TOLERANCE * expected.abs().amax().clamp(min=1))
    difference = float((found - expected).abs().amax()) if found.shape == expected.shape else float("nan")
    is_finite = torch.tensor((difference, tolerance)).isfinite()
    return difference if is_finite[0] else None, tolerance if is_finite[1] else None


def _unlike_outputs(difference: float | None, tolerance: float | None) -> Iterator[str]:
    if difference is None or tolerance is None:
        yield "the outputs are not finite, or not of the shape of the masked original's"
    elif difference > tolerance:
        yield f"the outputs differ from the masked original's by up to {difference:.3g}, tolerated {tolerance:.3g}"


def _unlike(what: str, expected: int, found: int) -> Iterator[str]:
    if expected != found:
        yield f"{found:,} {what} are left, expected {expected:,}"


@contextmanager
def _in_eval(net: nn.Module) -> Iterator[None]:
    modes = {module: module.training for module in net.modules()}
    net.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
