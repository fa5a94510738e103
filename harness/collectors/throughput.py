"""Images per second at stated batch sizes, beside the baseline's."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from harness.collectors.base import Clock, CostCollector, Subject, collectors
from harness.collectors.identities import at_batch
from harness.collectors.pairs import PairOptions, Pairs, details, measure, noise, unsettled
from harness.records import Asked, Measurement
from harness.schema import OneOrMany

Size = Annotated[int, Field(ge=1)]


@collectors.register("throughput")
class Throughput(PairOptions, CostCollector):
    """Images per second, baseline and candidate in turn; the value is all images by all the time."""

    batch: Annotated[tuple[Size, ...], OneOrMany] = Field(
        (32,), min_length=1, description="images in a step; one or several"
    )

    @field_validator("batch")
    @classmethod
    def _differ(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(value)) < len(value):
            raise ValueError("names a batch size twice")
        return value

    def asked(self) -> tuple[Asked, ...]:
        return tuple(Asked(metric="images_per_s", at=at_batch(self, batch)) for batch in self.batch)

    def collect(self, subject: Subject, clock: Clock) -> tuple[Measurement, ...]:
        found = measure(subject, self.batch, clock, self)
        return tuple(self._rate(subject, batch, pairs) for batch, pairs in found.items())

    def _rate(self, subject: Subject, batch: int, pairs: Pairs) -> Measurement:
        reason = noise(pairs, self.noisy_above)
        return Measurement(
            metric="images_per_s",
            unit="1/s",
            better="higher",
            kind="noisy",
            at=at_batch(self, batch),
            # Every sample holds the same number of images, so their total is a plain product.
            value=batch * len(pairs.seconds) / sum(pairs.seconds),
            samples=tuple(batch / seconds for seconds in pairs.seconds),
            baseline_samples=tuple(batch / seconds for seconds in pairs.baseline_seconds),
            rounds=tuple(pairs.rounds),
            quality="noisy" if reason else "ok",
            reason=reason,
            details=details(pairs, subject),
            warnings=(*([reason] if reason else []), *unsettled(pairs)),
        )
