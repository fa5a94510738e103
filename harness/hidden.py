"""The hidden units of MLPs: which module gives them out, and which linear layer reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.schema import Schema

if TYPE_CHECKING:
    from torch import nn

    from harness.families.layout import Branch

KIND = "mlp"  # the kind of sublayers that are looked into
HOMES = ("torch.nn.modules.activation", "timm.layers.activations", "timm.layers.activations_me")
OF_DECODERS = ("transformers.activations", "transformers.models.bloom.modeling_bloom")


class Hidden(Schema):
    """The hidden units of one MLP, called as its family calls it; `fault` says why they cannot be told, if they cannot.

    The module at `path`, of class `activation`, gives out `width` units along `axis`; the linear layer at `second` maps
    them to `outputs`, and is a `reader` (Linear, Conv2d, Conv1D of transformers, or what was put there). Where the MLP
    `is_gated` they are multiplied with another linear map on their way.
    """

    mlp: str
    path: str = ""
    activation: str = ""
    is_relu: bool = False
    second: str = ""
    reader: str = ""
    width: int = 0
    outputs: int = 0
    axis: int = -1
    is_gated: bool = False
    fault: str = ""


def hidden_of(net: nn.Module) -> tuple[Hidden, ...]:
    """Of every MLP that the network still has, in order of execution; raises what `family_of` raises."""
    from harness.families.catalogue import family_of_rest

    found = (_read(net, block, branch) for block, branch in family_of_rest(net).branches(net, KIND))
    return _apart(net, [hidden for hidden in found if hidden is not None])


def fault_of(mlps: Sequence[Hidden]) -> str:
    """Why not every hidden unit of a network can be told, in a sentence; empty where it can."""
    if not mlps:
        return "the network has no MLP, or none that its family tells from the rest of a block"
    return next((f"the hidden units of {one.mlp} cannot be told: {one.fault}" for one in mlps if one.fault), "")


def replace(net: nn.Module, paths: Sequence[str], make: Callable[[Any, int], nn.Module]) -> None:
    """Puts in place of each module what `make` gives for it and its number, in the same mode."""
    for number, path in enumerate(paths):
        owner, _, name = path.rpartition(".")
        there = net.get_submodule(path)
        net.get_submodule(owner).add_module(name, make(there, number).train(there.training))


def _read(net: nn.Module, block: str, branch: Branch) -> Hidden | None:
    """None where the MLP was removed: what stands in for it has no parameters."""
    name = f"{block}.{branch.core}"
    leaves = dict(_leaves(net, block, branch))
    if not any(True for part in leaves.values() for _ in part.parameters()):
        return None
    linear = {path: sizes for path, part in leaves.items() if (sizes := _sizes(part)) is not None}
    activations = [path for path, part in leaves.items() if _is_activation(part) and not _is_scaled(net, path)]
    if len(linear) < 2:
        return Hidden(mlp=name, fault="it is not made of linear layers")
    if len(activations) != 1:
        classes = ", ".join(sorted({type(leaves[path]).__name__ for path in activations}))
        held = f"several activations ({classes})" if activations else "no activation that is a module of its own"
        return Hidden(mlp=name, fault=f"it has {held}")
    *first, second = linear
    width, outputs = linear[second]
    given = [linear[path][1] for path in first]
    if not {width, 2 * width} & set(given):
        return Hidden(mlp=name, fault="its last linear layer does not read what the one before it gives")
    between = _norm_between(leaves, activations[0], second)
    if between:
        return Hidden(mlp=name, fault=f"a {between} stands between its activation and its last linear layer")
    return Hidden(
        mlp=name,
        path=activations[0],
        activation=type(leaves[activations[0]]).__name__,
        is_relu=_is_relu(leaves[activations[0]]),
        second=second,
        reader=type(leaves[second]).__name__,
        width=width,
        outputs=outputs,
        axis=1 if _is_convolution(leaves[second]) else -1,
        is_gated=given != [width],
    )


def _norm_between(leaves: Mapping[str, nn.Module], activation: str, second: str) -> str:
    """The class of a normalisation after the activation, behind which no zero is a zero; empty where there is none."""
    names = list(leaves)
    after = names[names.index(activation) + 1 : names.index(second)]
    return next((kind for name in after if "Norm" in (kind := type(leaves[name]).__name__)), "")


def _leaves(net: nn.Module, block: str, branch: Branch) -> Iterator[tuple[str, nn.Module]]:
    """Modules without others inside, by path, in the order of the branch and of their registration."""
    for name in branch.modules:
        home = f"{block}.{name}"
        for path, part in net.get_submodule(home).named_modules(prefix=home):
            if not any(True for _ in part.children()):
                yield path, part


def _sizes(part: nn.Module) -> tuple[int, int] | None:
    """Units in and out of a map that is the same for every token; None for anything else."""
    from torch import nn

    if isinstance(part, nn.Linear):
        return part.in_features, part.out_features
    if isinstance(part, nn.Conv2d) and part.kernel_size == (1, 1) and part.groups == 1:
        return part.in_channels, part.out_channels
    if type(part).__name__ == "Conv1D":  # of transformers: a linear map whose matrix lies the other way
        rows, columns = part.get_parameter("weight").shape
        return rows, columns
    return None


def _is_convolution(part: nn.Module) -> bool:
    from torch import nn

    return isinstance(part, nn.Conv2d)


def _is_activation(part: nn.Module) -> bool:
    is_known = type(part).__module__ in (*HOMES, *OF_DECODERS) or _is_relu(part)
    return is_known and not any(True for _ in part.parameters())


def _is_scaled(net: nn.Module, path: str) -> bool:
    """Whether it is a part of an activation with parameters of its own (StarReLU), whose zeros need not be zero."""
    parent = net.get_submodule(path.rpartition(".")[0])
    return any(True for _ in parent.parameters(recurse=False))


def _is_relu(part: nn.Module) -> bool:
    from torch import nn

    return isinstance(part, nn.ReLU)


def _apart(net: nn.Module, found: list[Hidden]) -> tuple[Hidden, ...]:
    """With a fault where one module serves several MLPs: what it gives out is not one MLP's."""
    owners: dict[int, str] = {}
    for number, one in enumerate(found):
        if one.fault:
            continue
        other = owners.setdefault(id(net.get_submodule(one.path)), one.mlp)
        if other != one.mlp:
            found[number] = Hidden(mlp=one.mlp, fault=f"its activation is the one of {other}")
    return tuple(found)
