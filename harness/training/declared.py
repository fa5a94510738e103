"""What a network declares that its training needs, by two methods that any network may have: losses and rates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from harness.errors import SpecError

# `auxiliary_losses() -> {name: scalar}`: terms of the loss beside the task's, weighted already, of the last forward
# pass in training mode, each as a mean over the items. Asking forgets them: a kept one would keep its whole graph.
LOSSES = "auxiliary_losses"
# `adds_losses` of such a network, if it has it: whether there are any, for options or a removal may leave none.
ADDS_LOSSES = "adds_losses"
# `learning_rate_factors() -> {name of a parameter: factor}`: parameters that learn at that share of the rate.
FACTORS = "learning_rate_factors"
# `shares_out = True` of a module: in training it looks at all items of a batch, and what becomes of each hangs on that.
SHARES_OUT = "shares_out"


def adds_losses(net: nn.Module) -> bool:
    """Whether a network adds to the loss that it is trained by."""
    return hasattr(net, LOSSES) and bool(getattr(net, ADDS_LOSSES, True))


def shares_out(net: nn.Module) -> bool:
    """Whether what becomes of an item in training hangs on the others of its batch, by the network's own decision."""
    return any(getattr(module, SHARES_OUT, False) for module in net.modules())


def with_auxiliary_losses(net: nn.Module, loss: Tensor) -> Tensor:
    """The loss and all that the network adds to it; the very same where it adds nothing."""
    terms: Callable[[], Mapping[str, Tensor]] = getattr(net, LOSSES, dict)
    return sum(terms().values(), start=loss)


def with_learning_rate_factors(net: nn.Module, groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """An optimiser's groups, of which those of several rates are split; `lr_scale` is a group's share of the rate.

    Raises SpecError for a factor that is not above zero and for one of a parameter that the network does not have.
    """
    declared: Callable[[], Mapping[str, float]] = getattr(net, FACTORS, dict)
    factors = dict(declared())
    if not factors:
        return groups
    parameters = dict(net.named_parameters())
    for name, factor in factors.items():
        if name not in parameters or not factor > 0:
            raise SpecError(f"{type(net).__name__} declares a learning rate factor of {factor} for {name!r}")
    own = {id(parameters[name]): factor for name, factor in factors.items()}
    return [part for group in groups for part in _split(group, own)]


def _split(group: dict[str, Any], factors: Mapping[int, float]) -> list[dict[str, Any]]:
    found: dict[float, list[nn.Parameter]] = {}
    for parameter in group["params"]:
        found.setdefault(factors.get(id(parameter), 1.0), []).append(parameter)
    scale = group.get("lr_scale", 1.0)
    return [{**group, "params": members, "lr_scale": scale * factor} for factor, members in found.items()]
