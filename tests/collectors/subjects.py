"""Subjects to measure: networks that cost what they are told, and a clock that moves when it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import repeat

import torch
from conftest import FakeClock
from torch import Tensor, nn

from harness.collectors.base import Subject
from harness.tasks.base import Batch
from harness.tasks.classification import Classification


class Costly(nn.Module):
    """Takes the next of its costs in seconds for every step, and writes its name into a log."""

    def __init__(self, name: str, costs: Iterator[float], clock: FakeClock, log: list[str]) -> None:
        super().__init__()
        self.name, self.costs, self.clock, self.log = name, costs, clock, log

    def forward(self, inputs: Tensor) -> Tensor:
        self.log.append(self.name)
        self.clock.advance(next(self.costs))
        return inputs


@dataclass
class MovingClock:
    """A hundredth of a second passes between any two readings."""

    time_s: float = 0.0

    def now(self) -> float:
        self.time_s += 0.01
        return self.time_s


def example(items: int) -> Batch:
    generator = torch.Generator().manual_seed(2)
    return Batch(torch.randn(items, 1, 8, 8, generator=generator), torch.zeros(items, dtype=torch.int64))


def subject_of(candidate: nn.Module, baseline: nn.Module, made: Callable[[int], Batch] = example) -> Subject:
    return Subject(candidate=candidate, baseline=baseline, task=Classification(), example=made, device="cpu")


@dataclass
class Stage:
    """A subject of two costly networks, with the order in which they ran."""

    clock: FakeClock
    baseline: Iterator[float] = field(default_factory=lambda: repeat(0.5))
    candidate: Iterator[float] = field(default_factory=lambda: repeat(0.25))
    log: list[str] = field(default_factory=list)

    @property
    def subject(self) -> Subject:
        return subject_of(
            Costly("candidate", self.candidate, self.clock, self.log),
            Costly("baseline", self.baseline, self.clock, self.log),
        )
