"""What every transform must give: a network that is changed, but not by a removal."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from harness.registry import Registry
from harness.schema import Options, Plugin

if TYPE_CHECKING:
    from torch import nn


class Transform(Plugin, ABC):
    """Changes how a network computes; names and values of its weights stay unless a transform says otherwise."""

    starts: ClassVar[str] = "evaluate"  # the first stage that sees it, where a study does not say
    earliest: ClassVar[str] = "prepare"  # the first stage that it may start at
    is_once: ClassVar[bool] = False  # a network that has it cannot have it again
    shares_prefixes: ClassVar[bool] = True  # False: what a block gives out is not all that later blocks need

    reads_values: ClassVar[bool] = (
        False  # True: what a network costs hangs on weights and items (tokens dropped by value)
    )

    @abstractmethod
    def apply(self, net: nn.Module) -> nn.Module:
        """The network after the change, which is `net` itself changed in place, or another.

        Raises SpecError for a network that the transform does not know.
        """

    def fault(self, attentions: int, foldable: int) -> str:
        """Why it changes nothing in a network, in a sentence; empty where it does.

        The network has so many attentions, and so many parts with another form for inference.
        """
        return ""


transforms: Registry[Transform] = Registry("transform", "harness.transforms")


def chain_of(entries: Iterable[Options]) -> tuple[tuple[str, Transform], ...]:
    """The transforms of a trial as its identity spells them, each with the first stage that sees it."""
    plugins = [(entry, transforms.create({k: v for k, v in entry.items() if k != "from"})) for entry in entries]
    return tuple((str(entry.get("from", plugin.starts)), plugin) for entry, plugin in plugins)
