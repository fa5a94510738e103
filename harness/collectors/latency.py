"""Seconds of one step at batch 1, beside the baseline's."""

from __future__ import annotations

from statistics import median
from typing import ClassVar

from pydantic import Field

from harness.collectors.base import Clock, CostCollector, Subject, collectors
from harness.collectors.identities import at_batch
from harness.collectors.metrics import absent
from harness.collectors.paired import paired
from harness.collectors.pairs import PairOptions, Setting, measure
from harness.records import Asked, Measurement


@collectors.register("latency")
class Latency(PairOptions, CostCollector):
    """Seconds per step, baseline and candidate in turn; the value is the median of all samples after warm-up.

    A sample is one step, so that percentiles are those of steps.
    """

    revision: ClassVar[int] = 3  # 1 repeated short steps within a sample; 2 let the system take memory back
    is_timed: ClassVar[bool] = True

    batch: int = Field(1, ge=1, description="items in a step")
    min_sample_s: float = Field(0.0, ge=0, description="0: a sample is one step, however short")

    def asked(self) -> tuple[Asked, ...]:
        return tuple(Asked(metric="latency_s", at=at_batch(self, self.batch, size)) for size in self.sizes())

    def collect(self, subject: Subject, clock: Clock) -> tuple[Measurement, ...]:
        found = measure(subject, [Setting(self.batch, size) for size in self.sizes()], clock, self)
        return tuple(
            absent(asked, "noisy", pairs)
            if isinstance(pairs, str)
            else paired(asked, pairs, subject, self.noisy_above, median(pairs.seconds), float)
            for asked, pairs in zip(self.asked(), found.values(), strict=True)
        )
