"""Multiply-accumulates of a token that is read with its prompt, and of one that is written after it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from harness.collectors.base import Clock, CostCollector, Subject, collectors
from harness.collectors.generating import Reader, misfit, prompts, too_long
from harness.collectors.guard import nulls
from harness.collectors.metrics import answer
from harness.collectors.per_item import per_item
from harness.collectors.sizes import Sizes
from harness.records import Asked, Measurement
from harness.tasks.language_modelling import LanguageModelling

if TYPE_CHECKING:
    from torch import Tensor, nn

    from harness.counting import MacCount

PREFILL, DECODE = "prefill_macs_per_token", "decode_macs_per_token"


@collectors.register("token_macs")
class TokenMacs(CostCollector):
    """MACs of a token, counted as `macs` are: of a prompt on average, and of the next one with the prompt in the cache.

    Only the last token of a prompt goes through the head, as it does where text is generated. A causal mask is counted
    in full, and query heads that share keys and values each meet all of them.
    """

    tasks: ClassVar[tuple[str, ...]] = (LanguageModelling.name,)
    kind: ClassVar[Literal["exact", "noisy"]] = "exact"

    context: Sizes = Field((128,), min_length=1, description="tokens of the prompt, one or several")

    def asked(self) -> tuple[Asked, ...]:
        return tuple(Asked(metric=name, at={"context": size}) for size in self.context for name in (PREFILL, DECODE))

    def unfit(self, task: str, limits: Mapping[str, int]) -> str:
        return too_long(max(self.context) + 1, limits.get("context"))

    def collect(self, subject: Subject, clock: Clock) -> tuple[Measurement, ...]:
        return tuple(one for size in self.context for one in _counted(subject, size))


def _counted(subject: Subject, context: int) -> tuple[Measurement, ...]:
    prefill, decode = (Asked(metric=name, at={"context": context}) for name in (PREFILL, DECODE))
    reason = misfit(subject, context + 1)
    if reason is not None:
        return nulls((prefill, decode), "exact", reason)
    (read, one_more), (baseline, baseline_more) = (
        _counts(net, prompts(subject, 1, context + 1)) for net in (subject.candidate, subject.baseline)
    )
    # What a token costs after others is what both cost less what the others do.
    found = (
        (prefill, per_item(read.total, context), per_item(baseline.total, context)),
        (decode, one_more.total - read.total, baseline_more.total - baseline.total),
    )
    doubts = _doubts(one_more)
    return tuple(
        answer(asked, "exact", macs, details={"baseline": whole}, warnings=doubts) for asked, macs, whole in found
    )


def _counts(net: nn.Module, tokens: Tensor) -> tuple[MacCount, MacCount]:
    """Of all tokens but the last (1, length), and of those and the last after them."""
    from harness.counting import count_macs

    return count_macs(net, tokens[:, :-1], _read), count_macs(net, tokens, _read_one_more)


def _read(net: nn.Module, tokens: Tensor) -> None:
    Reader(net).read(tokens)


def _read_one_more(net: nn.Module, tokens: Tensor) -> None:
    reader = Reader(net)
    reader.read(tokens[:, :-1])
    reader.read(tokens[:, -1:])


def _doubts(count: MacCount) -> tuple[str, ...]:
    found = []
    if count.uncounted:
        found.append(f"no formula for {', '.join(count.uncounted)}: the count is a lower bound")
    if count.read_by:
        found.append(f"the count hangs on values, read by {', '.join(count.read_by)}: made-up tokens were counted")
    return tuple(found)
