"""What every criterion must give: a score per unit, or a score per set; the lowest is the cheapest to lose."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeAlias

from harness.families.base import Unit
from harness.registry import Registry
from harness.schema import Plugin
from harness.tasks.base import Batch, Task

if TYPE_CHECKING:
    from torch import Tensor, nn

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
        """How many calibration items it reads; None is all of the part."""
        return None

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

    searches: ClassVar[tuple[str, ...]] = ("greedy", "one_shot", "exhaustive")

    def read(self, scoring: Scoring, batch: Batch) -> Tensor:
        """What of the network counts, (n, ...) for a batch of n on its device; without a word, its outputs."""
        return scoring.task.forward(scoring.net, batch)

    @abstractmethod
    def tallies(self, scoring: Scoring, untouched: tuple[Tensor, ...]) -> Callable[[], Tally]:
        """Makes an empty tally for each set; `untouched` is what was read of the whole network, batch by batch."""

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
            return tally.score()

        return score


criteria: Registry[Criterion] = Registry("criterion", "harness.criteria")
