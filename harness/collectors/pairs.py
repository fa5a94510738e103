"""Times of candidate and baseline, taken in turn in one process: one pair is two neighbours in time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import median, quantiles

from pydantic import Field

from harness import heap
from harness.collectors.base import Clock, Subject
from harness.collectors.sizes import Sizes, resized
from harness.device import Timing, out_of_memory, timed
from harness.schema import Schema

Step = Callable[[], object]
SETTLED = 0.02  # relative change between the medians of two windows of warm-up
MAX_ITERATIONS = 10_000
MAX_WINDOWS = 1_000  # where a clock stands still, no limit in seconds is ever reached
FEWEST = 2  # pairs that are left when those are gone in which the clock went back


class PairOptions(Schema):
    """How long to warm up and how often to measure; shared by all collectors that take times."""

    warmup: int = Field(5, ge=1, description="unmeasured steps of each network in a window; two windows at least")
    warmup_s: float = Field(0.2, ge=0, description="shortest warm-up; it goes on until two windows agree")
    warmup_limit_s: float = Field(1.0, gt=0, description="warm-up ends after so long, with a warning if unsteady")
    rounds: int = Field(
        4, ge=1, description="groups of samples, spread over time; every second begins with the candidate"
    )
    pairs: int = Field(10, ge=2, description="samples of each network in a round, at least; twice as many at most")
    round_s: float = Field(0.2, ge=0, description="a round takes more samples to last so long")
    min_sample_s: float = Field(
        0.005, ge=0, description="a shorter step is repeated within a sample until it lasts so long"
    )
    image_size: Sizes = Field((), description="pixels a side, one or several; empty: the network's own")
    noisy_above: float = Field(
        0.1, gt=0, description="largest interquartile range of the paired ratios, as a share of their median"
    )

    def sizes(self) -> tuple[int | None, ...]:
        """The sizes asked for; None is the network's own."""
        return self.image_size or (None,)


@dataclass
class Pairs:
    """Samples at one batch size, in order of time; `candidate[i]` and `baseline[i]` are neighbours.

    `backwards` counts the pairs that were dropped because the clock did not move on.
    """

    steps: tuple[Step, Step]
    eager: Step  # the candidate's step as torch runs it uncompiled, where its kernels can be heard
    cold_first_s: tuple[float, float]  # of baseline and candidate, whatever they load, tune or compile included
    warmup_iterations: int
    is_settled: bool
    iterations: int
    is_heap_held: bool = False
    baseline: list[Timing] = field(default_factory=list)
    candidate: list[Timing] = field(default_factory=list)
    rounds: list[int] = field(default_factory=list)
    backwards: int = 0

    @property
    def seconds(self) -> tuple[float, ...]:
        """Wall-clock seconds per step of the candidate."""
        return tuple(timing.wall_s for timing in self.candidate)

    @property
    def baseline_seconds(self) -> tuple[float, ...]:
        """The same of the baseline."""
        return tuple(timing.wall_s for timing in self.baseline)

    @property
    def ratios(self) -> tuple[float, ...]:
        """Candidate over baseline, pair by pair."""
        return tuple(mine / other for mine, other in zip(self.seconds, self.baseline_seconds, strict=True))

    def add(self, baseline: Timing, candidate: Timing, number: int) -> None:
        """Keeps a pair of round `number`, unless the clock stood still or went back in it."""
        if min(baseline.wall_s, candidate.wall_s) <= 0:
            self.backwards += 1
            return
        self.baseline.append(baseline)
        self.candidate.append(candidate)
        self.rounds.append(number)


@dataclass(frozen=True)
class Setting:
    """Items in a step, and pixels a side where they are not the network's own."""

    batch: int
    image_size: int | None = None


def measure(
    subject: Subject, settings: Sequence[Setting], clock: Clock, options: PairOptions
) -> dict[Setting, Pairs | str]:
    """Pairs by setting, or why there are none: a batch that is too large is a result, never made smaller.

    Every round visits every setting, so that each is spread over the whole time.
    """
    import torch

    is_held = heap.hold()
    with torch.inference_mode():
        found = {
            setting: _unless_full(subject, setting.batch, partial(_warmed_up, subject, setting, clock, options))
            for setting in settings
        }
        for number in range(options.rounds):
            for setting, pairs in found.items():
                if isinstance(pairs, Pairs):
                    take = partial(_one_round, pairs, number, subject.device, clock, options)
                    found[setting] = _unless_full(subject, setting.batch, take)
    for pairs in found.values():
        if isinstance(pairs, Pairs):
            pairs.is_heap_held = is_held
    return {setting: _enough(pairs) for setting, pairs in found.items()}


def _unless_full(subject: Subject, batch: int, take: Callable[[], Pairs]) -> Pairs | str:
    reason = out_of_memory(take, subject.device)
    return reason if isinstance(reason, Pairs) else f"{reason}: a batch of {batch} does not fit into its memory"


def _enough(pairs: Pairs | str) -> Pairs | str:
    if isinstance(pairs, Pairs) and len(pairs.rounds) < FEWEST:
        return f"clock: it stood still or went back in {pairs.backwards} of {pairs.backwards + len(pairs.rounds)} pairs"
    return pairs


def _warmed_up(whole: Subject, setting: Setting, clock: Clock, options: PairOptions) -> Pairs:
    """Steps until both a least time has passed and two windows agree, or the limit is reached."""
    subject = resized(whole, setting.image_size)
    inputs = subject.example(setting.batch)
    steps = (subject.step(subject.baseline, inputs), subject.step(subject.candidate, inputs))
    cold = tuple(timed(step, subject.device, clock).wall_s for step in steps)
    begin = clock.now()
    before = _window(steps, subject.device, clock, options.warmup)
    windows, is_settled = 1, False
    while not is_settled and windows < MAX_WINDOWS and (windows < 2 or clock.now() - begin < options.warmup_limit_s):
        now = _window(steps, subject.device, clock, options.warmup)
        agree = all(abs(new - old) < SETTLED * old for new, old in zip(now, before, strict=True))
        is_settled = agree and clock.now() - begin >= options.warmup_s
        before, windows = now, windows + 1
    shortest = max(min(before), options.min_sample_s / MAX_ITERATIONS)
    iterations = max(1, math.ceil(options.min_sample_s / shortest)) if shortest > 0 else 1
    eager = partial(subject.task.forward, subject.candidate, inputs)
    return Pairs(steps, eager, (cold[0], cold[1]), windows * options.warmup, is_settled, iterations)


def _window(steps: tuple[Step, Step], device: str, clock: Clock, length: int) -> tuple[float, float]:
    """Medians of unmeasured steps, baseline and candidate in turn."""
    times = [[timed(step, device, clock).wall_s for step in steps] for _ in range(length)]
    return median(baseline for baseline, _ in times), median(candidate for _, candidate in times)


def _one_round(pairs: Pairs, number: int, device: str, clock: Clock, options: PairOptions) -> Pairs:
    """One unmeasured pair to come back to this size, then samples strictly in turn; every second round turns round.

    So each step finds the caches as the other network left them, and nothing but steps lies between two steps. Where
    every second pair turned round instead, each network would run twice in a row, the second time faster: ratios would
    have two humps, and their median would lean to one of them.
    """
    order = (0, 1) if number % 2 == 0 else (1, 0)
    first, second = (pairs.steps[which] for which in order)
    count = _pairs_in(sum(timed(step, device, clock, pairs.iterations).wall_s for step in (first, second)), options)
    times = [timed(step, device, clock, pairs.iterations) for step in (first, second) * count]
    for ahead, behind in zip(times[0::2], times[1::2], strict=True):
        baseline, candidate = (ahead, behind) if order[0] == 0 else (behind, ahead)
        pairs.add(baseline, candidate, number)
    return pairs


def _pairs_in(pair_s: float, options: PairOptions) -> int:
    """How many pairs of this length fill a round, from `pairs` to twice as many."""
    fitting = math.ceil(options.round_s / pair_s) if pair_s > 0 else options.pairs
    return min(max(fitting, options.pairs), 2 * options.pairs)


def ratio_spread(pairs: Pairs) -> float:
    """Interquartile range of candidate / baseline, as a share of its median."""
    low, middle, high = quantiles(pairs.ratios, n=4, method="inclusive")
    return (high - low) / middle


def drift(pairs: Pairs) -> float:
    """Largest relative distance between the median ratio of a round and that of all; what rounds are for."""
    middle = median(pairs.ratios)
    by_round = {
        number: [r for r, n in zip(pairs.ratios, pairs.rounds, strict=True) if n == number]
        for number in set(pairs.rounds)
    }
    return max(abs(median(held) / middle - 1) for held in by_round.values())
