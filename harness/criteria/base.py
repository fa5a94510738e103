"""What every criterion must give: a score per unit, or a score per set; the lowest is the cheapest to lose."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from harness.families.base import Unit
from harness.registry import Registry
from harness.schema import Plugin
from harness.tasks.base import Batch, Task

if TYPE_CHECKING:
    from torch import nn

SetScore: TypeAlias = Callable[[tuple[Unit, ...]], float]


@dataclass(frozen=True)
class Scoring:
    """What a criterion may look at: an untouched network in eval mode, and calibration items in a fixed order.

    `without(units)` is a context in which `net` runs with those units removed, in the form of removal of the study.
    """

    net: nn.Module
    task: Task
    units: tuple[Unit, ...]
    batches: tuple[Batch, ...]
    without: Callable[[tuple[Unit, ...]], AbstractContextManager[None]]
    removal: str
    seed: int


class Criterion(Plugin, ABC):
    """Makes sublayers, or sets of them, comparable; says what it needs and which searches can use it."""

    targets: ClassVar[tuple[str, ...]] = ("attention", "mlp", "block")
    searches: ClassVar[tuple[str, ...]] = ("one_shot",)  # the first is the default
    needs_calibration: ClassVar[bool] = True
    uses_labels: ClassVar[bool] = False
    is_random: ClassVar[bool] = False  # uses the selection seed, and so takes `draws`

    @property
    def calibration_items(self) -> int | None:
        """How many calibration items it reads; None is all of the part."""
        return None


class UnitCriterion(Criterion):
    """Scores each unit by itself."""

    @abstractmethod
    def scores(self, scoring: Scoring) -> Mapping[str, float]:
        """A score for each unit by name."""


class SetCriterion(Criterion):
    """Scores a set of units removed together."""

    searches: ClassVar[tuple[str, ...]] = ("greedy", "one_shot")

    @abstractmethod
    def set_score(self, scoring: Scoring) -> SetScore:
        """A function from a set to its score; what it shares between calls (the untouched network's) is made once."""


criteria: Registry[Criterion] = Registry("criterion", "harness.criteria")
