"""What tells apart two measurements of one metric: the batch size, and options that are not at their default."""

from __future__ import annotations

from harness.schema import Options, Plugin


def at_batch(collector: Plugin, batch: int, image_size: int | None = None) -> Options:
    """The `at` of a measurement that is taken at a batch size, and an image size where one is asked for.

    A raised revision is part of it.
    """
    others = {key: value for key, value in collector.identity().items() if key not in ("name", "batch", "image_size")}
    sized: Options = {} if image_size is None else {"image_size": image_size}
    return {"batch": batch, **sized, **others}
