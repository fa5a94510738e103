"""Parameters by how the optimiser treats them: with or without weight decay, and at which share of the rate."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from torch import nn

from harness.errors import Problem, SpecError
from harness.training.declared import with_learning_rate_factors

Groups: TypeAlias = list[dict[str, Any]]


def parameter_groups(net: nn.Module, weight_decay: float, layer_decay: float | None) -> Groups:
    """Groups for AdamW; with a layer decay, or rates that the network declares, each has an `lr_scale` of its own."""
    if layer_decay is None:
        groups = weight_decay_groups(net, weight_decay)
    else:
        groups = layer_decay_groups(net, weight_decay, layer_decay)
    return with_learning_rate_factors(net, groups)


def weight_decay_groups(net: nn.Module, weight_decay: float) -> Groups:
    """Parameters in two groups: those that decay; and biases, norms, vectors and what the network exempts itself."""
    exempt = _exempt(net)
    trained = [(name, p) for name, p in net.named_parameters() if p.requires_grad]
    is_kept = [p.ndim <= 1 or name.endswith("bias") or name in exempt for name, p in trained]
    return [
        {
            "params": [p for (_, p), keep in zip(trained, is_kept, strict=True) if not keep],
            "weight_decay": weight_decay,
        },
        {"params": [p for (_, p), keep in zip(trained, is_kept, strict=True) if keep], "weight_decay": 0.0},
    ]


def layer_decay_groups(net: nn.Module, weight_decay: float, layer_decay: float) -> Groups:
    """timm's groups by layer: of L + 1 layers (stem 0, blocks, head L) layer l has the rate's share decay^(L - l).

    Layers are counted in the network as it is, so those after a removed whole block move down by one.
    """
    from timm.optim._param_groups import param_groups_layer_decay

    if not hasattr(net, "group_matcher"):
        message = f"{type(net).__name__} does not say which layer a weight belongs to; leave this option out"
        raise SpecError(Problem("layer_decay", message))
    groups: Groups = param_groups_layer_decay(
        net, weight_decay=weight_decay, no_weight_decay_list=_exempt(net), layer_decay=layer_decay
    )
    return groups


def _exempt(net: nn.Module) -> set[str]:
    exempt_names: Callable[[], Iterable[str]] = getattr(net, "no_weight_decay", tuple)
    return set(exempt_names())
