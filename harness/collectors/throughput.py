"""Images per second at stated batch sizes, beside the baseline's."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, field_validator

from harness.collectors.base import Clock, CostCollector, Subject, collectors
from harness.collectors.identities import at_batch
from harness.collectors.metrics import absent
from harness.collectors.paired import paired
from harness.collectors.pairs import PairOptions, Pairs, Setting, measure
from harness.records import Asked, Measurement
from harness.schema import OneOrMany
from harness.tasks.classification import Classification


@collectors.register("throughput")
class Throughput(PairOptions, CostCollector):
    """Images per second, baseline and candidate in turn; the value is all images by all the time."""

    revision: ClassVar[int] = 3  # 1 had no least time of warm-up and rounds; 2 let the system take memory back
    is_timed: ClassVar[bool] = True
    tasks: ClassVar[tuple[str, ...]] = (Classification.name,)

    batch: Annotated[tuple[Annotated[int, Field(ge=1)], ...], OneOrMany] = Field(
        (32,), min_length=1, description="images in a step; one or several"
    )

    @field_validator("batch")
    @classmethod
    def _differ(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(value)) < len(value):
            raise ValueError("names a batch size twice")
        return value

    def asked(self) -> tuple[Asked, ...]:
        return tuple(Asked(metric="images_per_s", at=at_batch(self, s.batch, s.image_size)) for s in self._settings())

    def _settings(self) -> tuple[Setting, ...]:
        return tuple(Setting(batch, size) for size in self.sizes() for batch in self.batch)

    def collect(self, subject: Subject, clock: Clock) -> tuple[Measurement, ...]:
        found = measure(subject, self._settings(), clock, self)
        return tuple(
            absent(asked, "noisy", pairs) if isinstance(pairs, str) else self._rate(asked, at.batch, pairs, subject)
            for asked, (at, pairs) in zip(self.asked(), found.items(), strict=True)
        )

    def _rate(self, asked: Asked, batch: int, pairs: Pairs, subject: Subject) -> Measurement:
        # Every sample holds the same number of images, so their total is a plain product.
        rate = batch * len(pairs.seconds) / sum(pairs.seconds)
        return paired(asked, pairs, subject, self.noisy_above, rate, lambda seconds: batch / seconds)
