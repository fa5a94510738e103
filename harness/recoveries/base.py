"""What every recovery must give: the training that goes with a removal."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from harness.datasets.base import Data
from harness.families.base import Sublayer
from harness.registry import Registry
from harness.schema import Plugin
from harness.tasks.base import Task

if TYPE_CHECKING:
    from torch import nn

    from harness.training.circle import Circle


@dataclass(frozen=True)
class Recovering:
    """What a recovery works on: `net` already runs without the removed parts and is changed in place.

    `whole` is the network before the removal, with the same weights; who changes it copies it first. `anew(seed)`
    gives `net` again with random weights, drawn as `weights.train` draws them. `checkpoints` is a folder of this
    recovery alone, where a training may keep where it stands, every `checkpoint_s` seconds; it is gone once the
    recovery has ended. `meet` waits for the other processes of the training; None: there are no others.
    """

    net: nn.Module
    whole: nn.Module
    sublayers: tuple[Sublayer, ...]
    removal: str
    anew: Callable[[int], nn.Module]
    task: Task
    data: Data
    device: str
    seed: int
    progress: Callable[[str], None]
    checkpoints: Path | None = None
    checkpoint_s: float | None = None
    meet: Callable[[], Circle] | None = None


class Recovery(Plugin, ABC):
    """Training after a removal; the baseline gets the same."""

    trains: ClassVar[bool] = True  # False: nothing is changed, no seed is used and no artifact is kept

    @abstractmethod
    def recover(self, recovering: Recovering) -> dict[str, float]:
        """Trains in place and returns figures for the record (final loss, steps)."""


recoveries: Registry[Recovery] = Registry("recovery", "harness.recoveries")
