"""What every collector must give: measurements, of outcomes in one shared pass or of costs beside a baseline."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from harness.records import Asked, Measurement, Outcome
from harness.registry import Registry
from harness.schema import Json, Plugin
from harness.tasks.base import Batch, Task

if TYPE_CHECKING:
    from torch import Tensor, nn

SPLITS = ("validation", "test")  # every trial is evaluated on both; choices use the first, the second is only printed


class Clock(Protocol):
    """Seconds since some moment, read when the device is idle."""

    def now(self) -> float: ...


class Collector(Plugin, ABC):
    """Something that is measured; its options belong to its measurements' identity (`at`)."""

    @abstractmethod
    def asked(self) -> tuple[Asked, ...]:
        """Every measurement that it answers with, exactly; what cannot be measured is null with a reason."""


class Tally(Protocol):
    """Sums up one split."""

    def update(self, outputs: Tensor, batch: Batch) -> None:
        """Takes the outputs of one batch, in item order."""

    def finish(self) -> tuple[tuple[Measurement, ...], tuple[Outcome, ...]]:
        """The measurements of the split, and per-item outcomes."""


class OutcomeCollector(Collector):
    """Reads the outputs of one pass over a split that all outcome collectors share."""

    @abstractmethod
    def tally(self, split: str, task: Task, order: str) -> Tally:
        """A fresh tally; `order` is the fingerprint of the items and their order."""


@dataclass(frozen=True)
class Subject:
    """Candidate and baseline side by side in one process, in eval mode on `device`; never altered by a collector.

    `example(items)` makes inputs on the device, always the same; `device` is "cpu" or "cuda:0".
    """

    candidate: nn.Module
    baseline: nn.Module
    task: Task
    example: Callable[[int], Batch]
    device: str


class CostCollector(Collector):
    """Measures what a structure costs on this machine."""

    kind: ClassVar[str] = "noisy"  # or exact: the same on every machine

    @abstractmethod
    def collect(self, subject: Subject, clock: Clock) -> tuple[Measurement, ...]:
        """One measurement for each that was asked for."""


class SelectionCollector(Collector):
    """Asks how good or how sure the selection itself is; one metric, null for a trial with nothing removed."""

    metric: ClassVar[str]

    def asked(self) -> tuple[Asked, ...]:
        return (Asked(metric=self.metric, at=self.options()),)

    def answer(self, value: float | None, reason: str | None, details: dict[str, Json] | None = None) -> Measurement:
        """The measurement with its details, or null with the reason."""
        at = self.options()
        return Measurement(
            metric=self.metric,
            unit="1",
            better="higher",
            kind="exact",
            at=at,
            value=value,
            reason=reason,
            details=details or {},
        )


collectors: Registry[Collector] = Registry("collector", "harness.collectors")
