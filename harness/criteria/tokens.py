"""Which tokens of the residual stream a criterion averages over."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import Field

from harness.criteria.base import Scoring
from harness.criteria.layouts import tokens_of
from harness.errors import Problem, SpecError
from harness.streams import tapped
from harness.tasks.base import Batch

if TYPE_CHECKING:
    from torch import Tensor, nn

    from harness.families.base import Unit

WHICH = (
    "tokens that are averaged: all, the leading ones that stand for no place (without registers), the others, or those "
    "that something later reads"
)
Tokens: TypeAlias = Annotated[Literal["all", "class", "patch", "used"], Field(description=WHICH)]
Kept: TypeAlias = "Callable[[Unit, Tensor], Tensor]"
PROBED = 4  # items that tell what is read: who reads what follows from the network, not from the items


def kept(scoring: Scoring, tokens: Tokens, where: str) -> Kept:
    """A function from a unit and values by token, (n, tokens, ...), to those of the tokens that count.

    `class` are the leading tokens that stand for no place, registers left out; `patch` are those of places; `used` are
    those that something later reads, found by their derivatives. Raises SpecError, at `where`, for what there is not.
    """
    if tokens == "used":
        return _used(scoring, where)
    if tokens == "all":
        return lambda _, values: values
    prefix, classes = _leading(scoring.net)
    if tokens == "class" and classes == 0:
        kind = type(scoring.net).__name__
        raise SpecError(Problem(where, f"{kind} has no class token; 'all', 'patch' or 'used' would do"))
    patches = getattr(getattr(scoring.net, "patch_embed", None), "num_patches", None)

    def chosen(unit: Unit, values: Tensor) -> Tensor:
        is_bare = values.shape[1] == patches  # a class token that joins the stream later only
        if tokens == "class":
            found = values[:, : 0 if is_bare else classes]
        else:
            found = values if is_bare else values[:, prefix:]
        if not found.numel():
            raise SpecError(Problem(where, f"the stream of {unit.name} holds no {tokens} token; 'all' would do"))
        return found

    return chosen


def _leading(net: nn.Module) -> tuple[int, int]:
    """How many leading tokens stand for no place, and how many of those are no registers."""
    prefix = int(getattr(net, "num_prefix_tokens", 0))
    return prefix, prefix - int(getattr(net, "num_reg_tokens", 0) or 0)


def _used(scoring: Scoring, where: str) -> Kept:
    read = read_tokens(scoring)
    for name, tokens in read.items():
        if not bool(tokens.any()):
            raise SpecError(Problem(where, f"the outputs depend on nothing that {name} gives; 'all' would do"))

    def used(unit: Unit, values: Tensor) -> Tensor:
        if values.shape[1] != len(read[unit.name]):
            raise SpecError(Problem(where, "items differ in length, so places mean nothing; 'all' would do"))
        return values[:, read[unit.name]]

    return used


def read_tokens(scoring: Scoring) -> dict[str, Tensor]:
    """For each unit which tokens of what it gives something later reads: booleans, (tokens,).

    A token is read if the outputs have a derivative with respect to it that is not exactly 0, for any of a few items;
    the weights of the outputs in their sum are seeded normal numbers. One forward and backward pass of those items.
    """
    import torch

    probes: dict[str, Tensor] = {}

    def seen(unit: Unit, _: Tensor, added: Tensor) -> Tensor:
        probes[unit.name] = torch.zeros_like(added, requires_grad=True)
        return added + probes[unit.name]

    with torch.inference_mode(mode=False), torch.enable_grad(), tapped(scoring.net, scoring.units, seen):
        outputs = scoring.task.forward(scoring.net, _few(scoring))
        weights = torch.randn(outputs.shape, generator=torch.Generator().manual_seed(0)).to(outputs)
        summed = (outputs * weights).sum()
        slopes = torch.autograd.grad(summed, list(probes.values()), materialize_grads=True)
    found = dict(zip(probes, slopes, strict=True))
    return {
        unit.name: (tokens_of(scoring.net, unit, found[unit.name]) != 0).any(dim=-1).any(dim=0)
        for unit in scoring.units
        if unit.name in found
    }


def _few(scoring: Scoring) -> Batch:
    """The first items, as a copy: what was made in inference mode cannot take part in a backward pass."""
    if not scoring.batches:
        raise SpecError("tokens 'used' are told by calibration items, and there are none")
    return scoring.batches[0].to(scoring.device).changed(lambda tensor: tensor[:PROBED].clone())
