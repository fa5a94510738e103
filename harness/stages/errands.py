"""What a process of its own is told: which structure to build, and which collector to run on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from harness.families.base import Sublayer
from harness.records import Measurement
from harness.schema import Options
from harness.tasks.base import InputConfig
from harness.trials import TrialSpec


@dataclass(frozen=True)
class Setting:
    """What a subject needs beside its networks, in plain values."""

    task: str
    task_options: Options
    config: InputConfig
    device: str


@dataclass(frozen=True)
class Errand:
    """One collector on one structure, in the runtime of the trial; `plugins` are files of the user's own."""

    setting: Setting
    spec: TrialSpec
    gone: tuple[Sublayer, ...]
    collector: Options
    threads: int
    plugins: tuple[str, ...]


Alone: TypeAlias = Callable[[Errand], tuple[Measurement, ...]]  # raises CollectorFault
