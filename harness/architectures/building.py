"""What every entry point of this folder does: timm's builder is given a class and what a table of a paper says."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeAlias, TypeVar

from timm.models import build_model_with_cfg
from torch import nn

Renamings: TypeAlias = Sequence[tuple[str, str | Callable[[re.Match[str]], str]]]
N = TypeVar("N", bound=nn.Module)


def configuration(size: int, first_conv: str, classifier: str, **others: Any) -> dict[str, Any]:
    """timm's configuration of a network without weights, for square inputs of `size` and ImageNet's classes.

    `first_conv` and `classifier` are paths of modules. ImageNet's mean and deviation, and timm's other defaults, unless
    `others` say otherwise.
    """
    return {
        "url": "",
        "num_classes": 1000,
        "input_size": (3, size, size),
        "first_conv": first_conv,
        "classifier": classifier,
        **others,
    }


def built(kind: type[N], name: str, table: dict[str, Any], pretrained: bool, options: dict[str, Any]) -> N:
    """The network `name` by timm's builder: what the paper's `table` says of it, and over that the user's `options`."""
    if pretrained:
        raise ValueError(f"no weights are published for {name}; build it without 'pretrained', and train or load it")
    net: N = build_model_with_cfg(kind, name, False, **{**table, **options})
    return net


def renamed(name: str, renamings: Renamings) -> str:
    """What a published name of a tensor is here, by patterns and their replacements in turn."""
    for published, own in renamings:
        name = re.sub(published, own, name)
    return name


def check_stages(**given: object) -> None:
    """Raises ValueError unless each option is a sequence of one value for each stage."""
    lengths = {len(values) if isinstance(values, Sequence) else 0 for values in given.values()}
    if len(lengths) > 1 or not all(lengths):
        each = (
            f"{name} has {len(values)}" if isinstance(values, Sequence) else f"{name} is {values}"
            for name, values in given.items()
        )
        raise ValueError(f"each stage takes one value of each: {', '.join(each)}")


def check_hidden(option: str, ratio: float, width: int) -> int:
    """A layer's width inside, the whole part of `ratio` times `width`; raises ValueError where there is none."""
    hidden = int(ratio * width)
    if hidden < 1:
        raise ValueError(f"{option} leaves no width inside: {ratio} times {width}; take a larger one")
    return hidden


def check_choice(option: str, value: object, known: Collection[object]) -> None:
    """Raises ValueError for a value that an option does not know."""
    if value not in known:
        raise ValueError(f"{option} must be one of {', '.join(map(str, known))}, not {value!r}")


def check_switches(**given: object) -> None:
    """Raises ValueError unless each option is true or false: what is neither, a word like 'no', would count as true."""
    for name, value in given.items():
        if value not in (True, False):
            raise ValueError(f"{name} must be true or false, not {value!r}")


def check_least(least: float, **given: object) -> None:
    """Raises ValueError unless each option is a number of `least` or more."""
    for name, value in given.items():
        if not isinstance(value, int | float) or not value >= least:
            raise ValueError(f"{name} must be a number of {least:g} or more, not {value!r}")


def check_share(**given: float) -> None:
    """Raises ValueError unless each option is at least 0 and below 1."""
    for name, value in given.items():
        if not 0 <= value < 1:
            raise ValueError(f"{name} must be at least 0 and below 1, not {value}")
