"""What every recovery must give: the training that goes with a removal."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from harness.datasets.base import Data
from harness.registry import Registry
from harness.schema import Plugin
from harness.tasks.base import Task

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Recovering:
    """What a recovery works on: `net` already runs without the removed parts and may be changed in place."""

    net: nn.Module
    task: Task
    data: Data
    device: str
    seed: int
    progress: Callable[[str], None]


class Recovery(Plugin, ABC):
    """Training after a removal; the baseline gets the same."""

    trains: ClassVar[bool] = True  # False: nothing is changed, no seed is used and no artifact is kept

    @abstractmethod
    def recover(self, recovering: Recovering) -> dict[str, float]:
        """Trains in place and returns figures for the record (final loss, steps)."""


recoveries: Registry[Recovery] = Registry("recovery", "harness.recoveries")
