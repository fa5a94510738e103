"""How fast a decoder reads a prompt and writes after it, beside its baseline."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import ClassVar

from pydantic import Field

from harness.collectors.base import Clock, CostCollector, Subject, collectors
from harness.collectors.generating import Lengths, misfit, no_room, prompts
from harness.collectors.guard import nulls
from harness.collectors.paired import paired, percentiles
from harness.collectors.written import TurnOptions, Written, write_in_turn
from harness.device import out_of_memory
from harness.records import Asked, Measurement
from harness.schema import Json
from harness.tasks.language_modelling import LanguageModelling

FIRST, PREFILL, DECODE = "first_token_s", "prefill_tokens_per_s", "decode_tokens_per_s"


@collectors.register("generation")
class Generation(TurnOptions, Lengths, CostCollector):
    """Seconds to the first token, tokens read per second before it and written per second after it.

    Greedy, over the network's own cache, to a stated length; baseline and candidate write in turn. A clock is read
    after every token, as for somebody who is shown each at once; percentiles of those times are in the details.
    """

    tasks: ClassVar[tuple[str, ...]] = (LanguageModelling.name,)
    is_timed: ClassVar[bool] = True

    new: int = Field(32, ge=2, description="tokens generated after it, greedily; none ends the text")

    def asked(self) -> tuple[Asked, ...]:
        return tuple(Asked(metric=metric, at=self.lengths()) for metric in (PREFILL, DECODE, FIRST))

    def collect(self, subject: Subject, clock: Clock) -> tuple[Measurement, ...]:
        reason = misfit(subject, self.prompt + self.new) or no_room(subject, self.cache)
        if reason is not None:
            return nulls(self.asked(), "noisy", reason)
        prompt = prompts(subject, self.batch, self.prompt)
        written = out_of_memory(lambda: write_in_turn(subject, prompt, self.new, clock, self), subject.device)
        if isinstance(written, str):
            full = f"{written}: {self.batch} texts of {self.prompt + self.new} tokens do not fit into its memory"
            return nulls(self.asked(), "noisy", full)
        if written.broken:
            return nulls(self.asked(), "noisy", written.broken)
        return self._found(written, subject)

    def _found(self, written: Written, subject: Subject) -> tuple[Measurement, ...]:
        prefill, decode, first = self.asked()
        per_prompt, noisy_above = self.batch * self.prompt, self.noisy_above
        details = _by_token(written)
        found = (
            paired(prefill, written.first, subject, noisy_above, *_rate(per_prompt, written.first.seconds)),
            paired(decode, written.later, subject, noisy_above, *_rate(self.batch, written.later.seconds)),
            paired(first, written.first, subject, noisy_above, median(written.first.seconds), float),
        )
        return tuple(one.model_copy(update={"details": {**one.details, **details}}) for one in found)


def _rate(tokens: int, seconds: tuple[float, ...]) -> tuple[float, Callable[[float], float]]:
    """All tokens by all seconds, and one sample's rate from its seconds."""
    return tokens * len(seconds) / sum(seconds), lambda second: tokens / second


def _by_token(written: Written) -> dict[str, Json]:
    """Seconds from one token to the next by percentile, after the first."""
    return {
        "token_s": dict(percentiles(tuple(written.candidate_tokens))),
        "baseline_token_s": dict(percentiles(tuple(written.baseline_tokens))),
    }
