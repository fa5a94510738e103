"""Times of networks that each lack one sublayer, every one taken in turn with the whole network's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles

from pydantic import Field

from harness import heap
from harness.collectors.base import Clock, Single, Subject
from harness.collectors.singles import twin
from harness.device import timed
from harness.schema import Schema

Step = Callable[[], object]
FEWEST_ROUNDS = 2
FEWEST_PAIRS = 2  # that are left when those are gone in which the clock went back
FIGURES = 6  # significant ones that are kept of a ratio


class VisitOptions(Schema):
    """How often each sublayer is visited, and how long all of it may take."""

    warmup: int = Field(6, ge=1, description="unmeasured steps of both networks at each visit, in turn")
    rounds: int = Field(10, ge=FEWEST_ROUNDS, description="visits of each sublayer at most, spread over time")
    pairs: int = Field(9, ge=1, description="samples of both networks in a visit, in turn")
    limit_s: float = Field(
        15.0, gt=0, description="visits end after so long, but for the first two: fewer of them, wider intervals"
    )


@dataclass
class Alone:
    """A network without one sublayer: its time over the whole network's, pair by pair.

    `backwards` counts the pairs that were dropped because the clock did not move on.
    """

    step: Step
    ratios: list[float] = field(default_factory=list)
    backwards: int = 0

    @property
    def share(self) -> float:
        """The share of the latency that goes with the sublayer; below 0 where the network took longer without it."""
        return 1 - median(self.ratios)

    @property
    def spread(self) -> float:
        """Interquartile range of the ratios, as a share of their median."""
        low, middle, high = quantiles(self.ratios, n=4, method="inclusive")
        return (high - low) / middle

    def add(self, whole_s: float, alone_s: float) -> None:
        """Keeps a pair, unless the clock stood still or went back in it."""
        if min(whole_s, alone_s) <= 0:
            self.backwards += 1
            return
        self.ratios.append(float(f"{alone_s / whole_s:.{FIGURES}g}"))


@dataclass
class Visits:
    """What was timed: every step of the whole network in seconds, and the networks without one sublayer by its name.

    `control` is a copy that lacks nothing: what it seems to save is the error of the method.
    """

    whole: Step
    alone: dict[str, Alone]
    control: Alone
    seconds: list[float] = field(default_factory=list)
    elapsed_s: float = 0.0

    @property
    def broken(self) -> str | None:
        """Why nothing can be said; None where every sublayer has pairs that count."""
        everyone = (*self.alone.values(), self.control)
        if all(len(one.ratios) >= FEWEST_PAIRS for one in everyone):
            return None
        return f"clock: it stood still or went back in {self.backwards} pairs, and too few are left"

    @property
    def backwards(self) -> int:
        """Pairs that were dropped."""
        return sum(one.backwards for one in (*self.alone.values(), self.control))


def visit(subject: Subject, held: Mapping[str, Single], batch: int, clock: Clock, options: VisitOptions) -> Visits:
    """Rounds that visit every sublayer and the control, until all are made or the time is up."""
    import torch

    heap.hold()
    inputs = subject.example(batch)
    alone = {name: Alone(subject.step(single.without(), inputs)) for name, single in held.items()}
    # Not the baseline itself: a network as it was built may run some per cent faster than a copy, on Python's account.
    whole, control = (subject.step(twin(subject.baseline), inputs) for _ in range(2))
    visits = Visits(whole, alone, Alone(control))
    begin = clock.now()
    with torch.inference_mode():
        for one, number in _turns([*alone.values(), visits.control], options.rounds):
            if number >= FEWEST_ROUNDS and clock.now() - begin >= options.limit_s:
                break
            _take(visits, one, number, subject.device, clock, options)
    visits.elapsed_s = clock.now() - begin
    return visits


def _turns(alone: Sequence[Alone], rounds: int) -> Iterator[tuple[Alone, int]]:
    """Who is visited when, and in which round; by turns from either end, so that no drift favours a depth."""
    for number in range(rounds):
        yield from ((one, number) for one in (alone if number % 2 == 0 else alone[::-1]))


def _take(visits: Visits, one: Alone, number: int, device: str, clock: Clock, options: VisitOptions) -> None:
    """One visit, both networks strictly in turn; in every second round the one that lacks the sublayer begins.

    The whole network runs all the time; one that was away for a round is slower at first, by as much as a sublayer.
    """
    steps = (visits.whole, one.step)
    for step in steps * options.warmup:
        step()
    turned = number % 2 == 1
    for _ in range(options.pairs):
        times = [timed(step, device, clock).wall_s for step in (reversed(steps) if turned else steps)]
        whole, less = reversed(times) if turned else times
        one.add(whole, less)
        visits.seconds.append(whole)
