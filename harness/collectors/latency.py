"""Seconds of one step at batch 1, beside the baseline's."""

from __future__ import annotations

from statistics import median

from pydantic import Field

from harness.collectors.base import Clock, CostCollector, Subject, collectors
from harness.collectors.identities import at_batch
from harness.collectors.pairs import PairOptions, details, measure, noise, unsettled
from harness.records import Asked, Measurement
from harness.schema import Options


@collectors.register("latency")
class Latency(PairOptions, CostCollector):
    """Seconds per step, baseline and candidate in turn; the value is the median of all samples after warm-up."""

    batch: int = Field(1, ge=1, description="items in a step")

    def asked(self) -> tuple[Asked, ...]:
        return (Asked(metric="latency_s", at=self._at()),)

    def collect(self, subject: Subject, clock: Clock) -> tuple[Measurement, ...]:
        pairs = measure(subject, (self.batch,), clock, self)[self.batch]
        reason = noise(pairs, self.noisy_above)
        return (
            Measurement(
                metric="latency_s",
                unit="s",
                better="lower",
                kind="noisy",
                at=self._at(),
                value=median(pairs.seconds),
                samples=pairs.seconds,
                baseline_samples=pairs.baseline_seconds,
                rounds=tuple(pairs.rounds),
                quality="noisy" if reason else "ok",
                reason=reason,
                details=details(pairs, subject),
                warnings=(*([reason] if reason else []), *unsettled(pairs)),
            ),
        )

    def _at(self) -> Options:
        return at_batch(self, self.batch)
