"""What tells apart two measurements of one metric: the batch size, and options that are not at their default."""

from __future__ import annotations

from harness.schema import Options, Plugin


def at_batch(collector: Plugin, batch: int) -> Options:
    """The `at` of a measurement that is taken at a batch size; a raised revision is part of it."""
    others = {key: value for key, value in collector.identity().items() if key not in ("name", "batch")}
    return {"batch": batch, **others}
