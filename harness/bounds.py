"""The limits of a recommendation: what a removal may lose and cost at most, and what it must buy at least."""

from __future__ import annotations

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from harness.schema import Schema

LEAST = (  # asked at least
    *("top1", "macs_saved", "params_saved", "kv_cache_saved", "images_per_s"),
    *("speedup", "speedup_throughput", "speedup_prefill", "speedup_decode"),
)


class Bounds(Schema):
    """Limits that hold together, by the name of a metric or of what is derived from it; ratios are to the baseline.

    Accuracies are those of the validation part, and shares of 1: every choice is made there.
    """

    top1_drop: float | None = Field(None, gt=-1, lt=1, description="at most: share of top-1 that is lost")
    top1: float | None = Field(None, ge=0, le=1, description="at least: top-1")
    macs_ratio: float | None = Field(None, gt=0, description="at most: MACs over those of the baseline")
    macs_saved: float | None = Field(None, gt=-1, lt=1, description="at least: share of the MACs that is gone")
    macs: float | None = Field(None, gt=0, description="at most: MACs of one item")
    params_ratio: float | None = Field(None, gt=0, description="at most: parameters over those of the baseline")
    params_saved: float | None = Field(None, gt=-1, lt=1, description="at least: share of the parameters that is gone")
    params: float | None = Field(None, gt=0, description="at most: parameters")
    latency_ratio: float | None = Field(None, gt=0, description="at most: latency over that of the baseline")
    speedup: float | None = Field(None, gt=0, description="at least: latency of the baseline over this one")
    latency_s: float | None = Field(None, gt=0, description="at most: seconds of a step")
    speedup_throughput: float | None = Field(None, gt=0, description="at least: throughput over the baseline's")
    images_per_s: float | None = Field(None, gt=0, description="at least: items per second")
    peak_ratio: float | None = Field(None, gt=0, description="at most: peak memory over that of the baseline")
    peak_bytes: float | None = Field(None, gt=0, description="at most: bytes of peak memory")
    energy_ratio: float | None = Field(None, gt=0, description="at most: energy of an item over the baseline's")
    energy_j_per_image: float | None = Field(None, gt=0, description="at most: joules of an item")

    bits_per_byte_rise: float | None = Field(None, gt=-8, description="at most: bits per byte of text that are added")
    bits_per_byte: float | None = Field(None, gt=0, description="at most: bits per byte of text")
    perplexity_ratio: float | None = Field(None, gt=0, description="at most: perplexity over that of the baseline")
    kv_cache_ratio: float | None = Field(None, gt=0, description="at most: cached keys and values over the baseline's")
    kv_cache_saved: float | None = Field(
        None, gt=-1, lt=1, description="at least: share of cached keys and values that is gone"
    )
    speedup_prefill: float | None = Field(
        None, gt=0, description="at least: tokens read per second over the baseline's"
    )
    speedup_decode: float | None = Field(
        None, gt=0, description="at least: tokens written per second over the baseline's"
    )

    @model_validator(mode="after")
    def _says_something(self) -> Bounds:
        if not self.given:
            raise ValueError("needs at least one limit, such as {top1_drop: 0.01} or {latency_ratio: 0.9}")
        return self

    @model_serializer(mode="wrap")
    def _as_written(self, dump: SerializerFunctionWrapHandler) -> dict[str, float]:
        return {name: value for name, value in dump(self).items() if value is not None}

    @property
    def given(self) -> dict[str, float]:
        """The limits that are stated, in the order of this class."""
        found: dict[str, float] = self.model_dump()
        return found
