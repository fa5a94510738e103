"""What every criterion must give: a score per unit, or a score per set; the lowest is the cheapest to lose."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Protocol, TypeAlias

from pydantic import Field

from harness.families.base import Unit
from harness.registry import Registry
from harness.schema import Plugin
from harness.tasks.base import Batch, Task

if TYPE_CHECKING:
    from torch import Tensor, nn

Items: TypeAlias = Annotated[int | None, Field(ge=1, description="calibration items; null: the whole part")]
SetScore: TypeAlias = Callable[[tuple[Unit, ...]], float]


@dataclass(frozen=True)
class Scoring:
    """What a criterion may look at: an untouched network in eval mode, and calibration items in a fixed order.

    `without(units)` is a context in which `net` runs with those units removed, in the form of removal of the study.
    `shares_prefixes` says whether what a block gives out is all that later blocks need of it: sets then share passes.
    """

    net: nn.Module
    task: Task
    units: tuple[Unit, ...]
    batches: tuple[Batch, ...]
    without: Callable[[tuple[Unit, ...]], AbstractContextManager[None]]
    removal: str
    seed: int
    shares_prefixes: bool = True

    @property
    def device(self) -> str:
        """Where the network is."""
        return str(next(self.net.parameters()).device)


class Criterion(Plugin, ABC):
    """Makes sublayers, or sets of them, comparable; says what it needs and which searches can use it."""

    targets: ClassVar[tuple[str, ...] | None] = None  # None: whatever a family offers
    removals: ClassVar[tuple[str, ...]] = ("skip", "identity")
    searches: ClassVar[tuple[str, ...]] = ("one_shot",)  # the first is the default
    needs_calibration: ClassVar[bool] = True
    uses_labels: ClassVar[bool] = False
    backward_passes: ClassVar[int] = 0  # over the calibration items, for all units together
    is_random: ClassVar[bool] = False  # uses the selection seed, and so takes `draws`

    @property
    def calibration_items(self) -> int | None:
        """How many calibration items it reads: its option `items`, where it has one; None is all of the part."""
        items = dict(self).get("items")
        return items if isinstance(items, int) else None

    @property
    def reads_labels(self) -> bool:
        """Whether it reads labels with these options."""
        return self.uses_labels

    def chosen(self, batches: Sequence[Batch]) -> tuple[Batch, ...]:
        """Those of the calibration items that it goes by; choosing from what was chosen gives the same again."""
        return tuple(batches)

    def task_fault(self, task: str) -> str:
        """Why networks of a task cannot be scored with these options, in a sentence; empty where they can."""
        return ""

    @property
    def own_counts(self) -> tuple[int, ...] | None:
        """The counts that a criterion brings itself, instead of the study's; None for every other criterion."""
        return None


class UnitCriterion(Criterion):
    """Scores each unit by itself, on the network as it stands (`iterative` asks again after each removal)."""

    searches: ClassVar[tuple[str, ...]] = ("one_shot", "iterative")

    @abstractmethod
    def scores(self, scoring: Scoring) -> Mapping[str, float]:
        """A score for each unit by name."""


class ListCriterion(Criterion):
    """Names the sets themselves, one for each count that it has a set for; they need not be nested."""

    searches: ClassVar[tuple[str, ...]] = ("given",)

    @abstractmethod
    def sets(self, scoring: Scoring) -> Mapping[int, tuple[str, ...]]:
        """For each count the names of the units to remove, in the order of removal where they have one."""

    def faults(self, units: tuple[Unit, ...]) -> tuple[str, ...]:
        """Why its sets cannot be had of these units, in sentences; nothing where they can. Asked before any run."""
        return ()


class SpanCriterion(Criterion):
    """Scores runs of adjacent units that are removed together, which `consecutive` needs."""

    searches: ClassVar[tuple[str, ...]] = ("consecutive",)

    def span_fault(self, target: str) -> str:
        """Why it scores no runs of this target's units, in a sentence; empty where it does. Asked before any run."""
        return ""

    @abstractmethod
    def span_scores(self, scoring: Scoring) -> Mapping[tuple[str, ...], float]:
        """A score for each run of units that `runs` gives, by the names of its units in order of depth."""


def runs(units: tuple[Unit, ...]) -> Iterator[tuple[Unit, ...]]:
    """All runs of adjacent units but the one of all units: no block lies between two that follow each other."""
    for start in range(len(units)):
        for stop in range(start + 1, len(units) + 1):
            if stop - start > 1 and units[stop - 1].depth - units[stop - 2].depth > 1:
                break
            if stop - start < len(units):
                yield units[start:stop]


class Tally(Protocol):
    """Gathers what one set gives, batch by batch, into its score."""

    def update(self, read: Tensor, batch: Batch, index: int) -> None:
        """What was read of batch number `index`; batches come in their order."""

    def score(self) -> float:
        """The score of the set, after the last batch."""


class SetCriterion(Criterion):
    """Scores a set of units removed together by what is read of the network while they are gone.

    Reading and gathering are apart, so that a search may run many sets through shared prefixes: `read` runs the
    network as it stands; a tally never sees it.
    """

    searches: ClassVar[tuple[str, ...]] = ("greedy", "one_shot", "iterative", "exhaustive")

    def read(self, scoring: Scoring, batch: Batch) -> Tensor:
        """What of the network counts, (n, ...) for a batch of n on its device; without a word, its outputs."""
        return scoring.task.forward(scoring.net, batch)

    def tallies(self, scoring: Scoring, untouched: tuple[Tensor, ...]) -> Callable[[], Tally]:
        """Makes an empty tally for each set; `untouched` is what was read of the whole network, batch by batch.

        Not asked of a criterion that has a `set_score` of its own: its sets are run one by one.
        """
        raise TypeError(f"criterion {self.name!r} has neither tallies nor a set_score of its own")

    def set_score(self, scoring: Scoring) -> SetScore:
        """A function from a set to its score, each set run by itself: what every shared way must equal."""
        import torch

        def reads() -> Iterator[Tensor]:
            with torch.inference_mode():
                for batch in scoring.batches:
                    yield self.read(scoring, batch.to(scoring.device))

        make = self.tallies(scoring, tuple(reads()))

        def score(units: tuple[Unit, ...]) -> float:
            tally = make()
            with scoring.without(units):
                for index, (read, batch) in enumerate(zip(reads(), scoring.batches, strict=True)):
                    tally.update(read, batch.to(scoring.device), index)
            return score_of(tally, units)

        return score


def score_of(tally: Tally, units: tuple[Unit, ...]) -> float:
    """The score of a set whose batches are all in; raises ArithmeticError with its units where it is not finite."""
    names = ", ".join(unit.name for unit in units) or "nothing"
    try:
        score = tally.score()
    except ArithmeticError as error:
        raise ArithmeticError(f"{error} with {names} removed") from None
    if not math.isfinite(score):
        raise ArithmeticError(f"the score is {score}, not a finite number, with {names} removed")
    return score


criteria: Registry[Criterion] = Registry("criterion", "harness.criteria")
