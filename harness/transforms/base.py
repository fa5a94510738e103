"""What every transform must give: a network that is changed, but not by a removal."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from harness.errors import Problem, SpecError
from harness.hidden import Hidden, hidden_of
from harness.records import STAGES
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

    def misfit(self, mlps: Sequence[Hidden]) -> str:
        """Why it cannot be had with such MLPs, in a sentence; empty where it can, or does not look at MLPs."""
        return ""

    def after(self, mlps: Sequence[Hidden]) -> tuple[Hidden, ...]:
        """The MLPs as it leaves them."""
        return tuple(mlps)

    def suited(self, net: nn.Module) -> tuple[Hidden, ...]:
        """The MLPs of a network that can have it, none where all are gone; raises SpecError for those of any other."""
        from harness.stand_ins import StandIn

        mlps = hidden_of(net)
        if not mlps and any(isinstance(part, StandIn) for part in net.modules()):
            return ()
        fault = self.misfit(mlps)
        if fault:
            raise SpecError(Problem(f"transforms.{self.name}", fault))
        return mlps


Chain: TypeAlias = tuple[tuple[str, Transform], ...]  # each with the first stage that sees it

transforms: Registry[Transform] = Registry("transform", "harness.transforms")


def chain_of(entries: Iterable[Options]) -> Chain:
    """The transforms of a trial as its identity spells them, each with the first stage that sees it."""
    plugins = [(entry, transforms.create({k: v for k, v in entry.items() if k != "from"})) for entry in entries]
    return tuple((str(entry.get("from", plugin.starts)), plugin) for entry, plugin in plugins)


def in_turn(chain: Chain) -> tuple[Transform, ...]:
    """In the order in which a network gets them: those up to recover together, in the order of the study."""
    return tuple(plugin for _, plugin in sorted(chain, key=lambda entry: max(_RECOVER, STAGES.index(entry[0]))))


def misfits(chain: Chain, mlps: Sequence[Hidden]) -> tuple[str, ...]:
    """What of a chain cannot be had with these MLPs, at any stage: the earlier ones see a part of it alone."""
    found: list[str] = []
    for number in range(len(STAGES)):
        held, seen = mlps, tuple(entry for entry in chain if STAGES.index(entry[0]) <= number)
        for plugin in in_turn(seen):
            fault = plugin.misfit(held)
            found += [f"{plugin.name}: {fault}"] if fault else []
            held = held if fault else plugin.after(held)
    return tuple(dict.fromkeys(found))


def left_by(chain: Chain, mlps: Sequence[Hidden]) -> tuple[Hidden, ...]:
    """The MLPs of a network that is measured with all of a chain."""
    found = tuple(mlps)
    for plugin in in_turn(chain):
        found = plugin.after(found)
    return found


_RECOVER = STAGES.index("recover")
