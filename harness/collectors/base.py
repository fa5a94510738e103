"""What every collector must give: measurements, of outcomes in one shared pass or of costs beside a baseline."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from harness.hidden import Hidden
from harness.records import Asked, Measurement, Outcome
from harness.registry import Registry
from harness.runtimes import DType, Runtime
from harness.schema import Json, Options, Plugin
from harness.tasks.base import Batch, OwnInput, Task

if TYPE_CHECKING:
    from torch import nn

SPLITS = ("validation", "test")  # every trial is evaluated on both; choices use the first, the second is only printed


class Clock(Protocol):
    """Seconds since some moment, read when the device is idle."""

    def now(self) -> float: ...


class Collector(Plugin, ABC):
    """Something that is measured; its options belong to its measurements' identity (`at`)."""

    tasks: ClassVar[tuple[str, ...] | None] = None  # whose networks it measures; None: of any

    @abstractmethod
    def asked(self) -> tuple[Asked, ...]:
        """Every measurement that it answers with, exactly; what cannot be measured is null with a reason."""

    def unfit(self, task: str, limits: Mapping[str, int]) -> str:
        """Why it cannot measure networks of such a task and such limits, in a sentence; empty where it can.

        Asked before any run.
        """
        return ""

    def misfit(self, mlps: Sequence[Hidden]) -> str:
        """The same of networks with such MLPs."""
        return ""


class Tally(Protocol):
    """Sums up one split."""

    def update(self, outputs: Any, batch: Batch) -> None:
        """Takes the outputs of one batch, in item order; of a collector with a probe, what that saw instead."""

    def finish(self) -> tuple[tuple[Measurement, ...], tuple[Outcome, ...]]:
        """The measurements of the split, and per-item outcomes."""


class Probe(Protocol):
    """Looks into one network while it runs."""

    def watching(self, batch: Batch) -> AbstractContextManager[object]:
        """Within it the network runs the batch, on its device; gives what is complete once that is over.

        Nothing in it may raise or wait for the device.
        """


class View(Protocol):
    """How a collector wants items to be shown to the network; `at` tells its measurements from the plain ones."""

    @property
    def at(self) -> Options:
        """Conditions of what is seen so."""

    def __call__(self, batch: Batch, first: int, config: OwnInput) -> Batch:
        """The batch as shown; `first` is the index of its first item within the split, on any batch size the same."""


@dataclass(frozen=True)
class Plain:
    """Items as they are."""

    at: Options = field(default_factory=dict)

    def __call__(self, batch: Batch, first: int, config: OwnInput) -> Batch:
        """The same batch."""
        return batch


class OutcomeCollector(Collector):
    """Reads the outputs of one pass over a split that all outcome collectors share."""

    reads_test_sets: ClassVar[bool] = True  # also on the test sets that the data has beside `test`
    splits: ClassVar[tuple[str, ...]] = SPLITS

    def views(self) -> tuple[View, ...]:
        """How items are shown: once as they are, unless the collector wants them altered; each is a pass of its own."""
        return (Plain(),)

    def probe(self, net: nn.Module, task: Task) -> Probe | None:
        """What looks into a network for it, asked for once; None where it reads outputs alone."""
        return None

    @abstractmethod
    def tally(self, split: str, task: Task, order: str) -> Tally:
        """A fresh tally; `order` is the fingerprint of the items and their order."""


def _as_it_is(net: nn.Module) -> nn.Module:
    return net


def _no_graphs() -> dict[str, Json] | None:
    return None


@dataclass(frozen=True)
class Single:
    """One sublayer: its kind and depth, the parameters and MACs per item that go with it, the network without it."""

    kind: str
    depth: int
    params: int
    macs: int
    without: Callable[[], nn.Module]


@dataclass(frozen=True)
class Subject:
    """Candidate and baseline side by side in one process, in eval mode on `device`; never altered by a collector.

    `example(items)` makes inputs on the device, always the same; `device` is "cpu" or "cuda:0". Both networks are eager
    and in the runtime's precision and layout; `compiled` gives what the runtime executes in their place, `graphs` what
    the compiler made of them. `real(batches, items)` gives so many batches of real items on the device; None where
    there are none. `singles` are the sublayers by name, each with what goes when it alone is removed. `resized` keeps
    the same for other image sizes, so that a second attempt copies and compiles nothing again.
    """

    candidate: nn.Module
    baseline: nn.Module
    task: Task
    example: Callable[[int], Batch]
    device: str
    compiled: Callable[[nn.Module], nn.Module] = _as_it_is
    singles: Mapping[str, Single] = field(default_factory=dict)
    graphs: Callable[[], dict[str, Json] | None] = _no_graphs
    real: Callable[[int, int], tuple[Batch, ...]] | None = None
    resized: dict[int, Subject] = field(default_factory=dict)

    def step(self, net: nn.Module, batch: Batch) -> Callable[[], object]:
        """One forward pass of a network on a batch, as the runtime executes it."""
        return partial(self.task.forward, self.compiled(net), batch)


class CostCollector(Collector):
    """Measures what a structure costs on this machine."""

    kind: ClassVar[Literal["exact", "noisy"]] = "noisy"  # exact: the same on every machine
    of_baselines: ClassVar[bool] = False  # asked of trials with nothing removed only
    is_timed: ClassVar[bool] = False  # what else goes on in the machine changes it
    in_fresh_process: ClassVar[bool] = False  # on a CPU: what this process did before changes it
    reads_one_device: ClassVar[bool] = False  # a counter of the first: it tells nothing of a network on several

    @abstractmethod
    def collect(self, subject: Subject, clock: Clock) -> tuple[Measurement, ...]:
        """One measurement for each that was asked for."""


@dataclass(frozen=True)
class Examinee:
    """A network in eval mode on `device`, and the tokenizer.json that its data is told by; None: bytes."""

    net: nn.Module
    tokenizer: Path | None
    device: str

    def cast(self, dtype: DType) -> nn.Module:
        """The network with weights of this type."""
        from harness.numerics import cast

        return cast(self.net, Runtime(dtype=dtype))


class ExamCollector(Collector):
    """Puts questions of its own to the network: a benchmark that brings its items, outside of any split."""

    @abstractmethod
    def collect(self, examinee: Examinee) -> tuple[tuple[Measurement, ...], tuple[Outcome, ...]]:
        """One measurement for each that was asked for, and what is kept of single questions."""

    def versions(self) -> Options:
        """What sets its answers apart beside its options: versions of the libraries that bring the items."""
        return {}


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
