"""Texts that candidate and baseline write in turn in one process, with the time of every token."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from statistics import fmean, median
from typing import TYPE_CHECKING

from pydantic import Field

from harness import heap
from harness.collectors.base import Clock, Subject
from harness.collectors.generating import Keeping, Reader, cache_for, generate
from harness.collectors.pairs import FEWEST, SETTLED, Pairs
from harness.device import Timing, timed
from harness.schema import Schema

if TYPE_CHECKING:
    from torch import Tensor

Step = Callable[[], object]
Write = Callable[[], tuple[Timing, ...]]


class TurnOptions(Schema):
    """How often texts are written, and over which cache."""

    rounds: int = Field(3, ge=1, description="groups of texts; every second begins with the candidate")
    pairs: int = Field(3, ge=2, description="texts of each network in a round")
    warmup: int = Field(2, ge=1, description="unmeasured texts of each network at least")
    cache: Keeping = Field(
        "dynamic", description="dynamic: it grows with the text; static: of one size, as CUDA graphs need it"
    )
    warmup_limit_s: float = Field(10.0, gt=0, description="warm-up ends after so long, with a warning if unsteady")
    noisy_above: float = Field(
        0.1, gt=0, description="largest interquartile range of the paired ratios, as a share of their median"
    )


@dataclass
class Written:
    """Times of the first token, and of a later one on average over a text, in pairs of texts written in turn.

    The token lists hold every token but the first of all texts, in seconds.
    """

    first: Pairs
    later: Pairs
    baseline_tokens: list[float] = field(default_factory=list)
    candidate_tokens: list[float] = field(default_factory=list)

    @property
    def broken(self) -> str | None:
        """Why nothing can be said; None where enough pairs count."""
        for pairs in (self.first, self.later):
            if len(pairs.rounds) < FEWEST:
                taken = pairs.backwards + len(pairs.rounds)
                return f"clock: it stood still or went back in {pairs.backwards} of {taken} pairs"
        return None

    def add(self, baseline: tuple[Timing, ...], candidate: tuple[Timing, ...], number: int) -> None:
        """Keeps a pair of texts, token by token."""
        self.first.add(baseline[0], candidate[0], number)
        self.later.add(_mean(baseline[1:]), _mean(candidate[1:]), number)
        self.baseline_tokens += [token.wall_s for token in baseline[1:]]
        self.candidate_tokens += [token.wall_s for token in candidate[1:]]


def write_in_turn(subject: Subject, prompt: Tensor, new: int, clock: Clock, options: TurnOptions) -> Written:
    """So many texts of each network, strictly in turn; every second round turns round."""
    import torch

    is_held = heap.hold()
    timer = partial(timed, device=subject.device, clock=clock)
    tokens = prompt.shape[1] + new
    writes: list[Write] = [
        partial(_times, Reader(subject.compiled(net), cache_for(net, tokens, options.cache)), prompt, new, timer)
        for net in (subject.baseline, subject.candidate)
    ]
    with torch.inference_mode():
        cold = [[token.wall_s for token in write()] for write in writes]
        texts, is_settled = _warmed_up(writes, clock, options)
        eager = partial(generate, subject.candidate, prompt, 2, options.cache)
        first, later = (
            Pairs((writes[0], writes[1]), eager, (cold[0][which], cold[1][which]), texts, is_settled, 1, is_held)
            for which in (0, 1)
        )
        written = Written(first, later)
        for number in range(options.rounds):
            for _ in range(options.pairs):
                order = (0, 1) if number % 2 == 0 else (1, 0)
                times = {which: writes[which]() for which in order}
                written.add(times[0], times[1], number)
    return written


def _warmed_up(writes: list[Write], clock: Clock, options: TurnOptions) -> tuple[int, bool]:
    """Unmeasured texts until a token takes both networks as long as in the text before, or time is up."""
    begin, texts, is_settled = clock.now(), 0, False
    before: list[float] = []
    while texts < options.warmup or (not is_settled and clock.now() - begin < options.warmup_limit_s):
        now = [median(token.wall_s for token in write()[1:]) for write in writes]
        is_settled = bool(before) and all(abs(new - old) < SETTLED * old for new, old in zip(now, before, strict=True))
        before, texts = now, texts + 1
    return texts, is_settled


def _times(reader: Reader, prompt: Tensor, new: int, timer: Callable[[Step], Timing]) -> tuple[Timing, ...]:
    """How long each token of a text took, from the whole prompt or the token before to itself."""
    token = prompt

    def read() -> None:
        nonlocal token
        token = reader.read(token)

    times = tuple(timer(read) for _ in range(new))
    reader.begin()  # so that only one network's cache is held at a time
    return times


def _mean(tokens: tuple[Timing, ...]) -> Timing:
    """One token on average."""
    on_device = [token.device_s for token in tokens if token.device_s is not None]
    return Timing(
        fmean(token.wall_s for token in tokens),
        fmean(on_device) if on_device else None,
        fmean(token.page_faults for token in tokens),
    )
