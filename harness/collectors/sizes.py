"""The same networks for images of another size: how a cost grows with the sequence."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator, Field

from harness.collectors.base import Subject
from harness.schema import OneOrMany
from harness.tasks.base import Batch

if TYPE_CHECKING:
    from torch import nn


def _distinct(value: object) -> object:
    if isinstance(value, list | tuple) and len(set(map(repr, value))) < len(value):
        raise ValueError("names a size twice")
    return value


Size = Annotated[int, Field(ge=1)]
Sizes = Annotated[tuple[Size, ...], BeforeValidator(_distinct), OneOrMany]


def resized(subject: Subject, size: int | None) -> Subject:
    """The subject with square images of so many pixels a side; itself where no size is asked for.

    A network that holds positions is told by timm's `set_input_size`, which interpolates them; one that has none takes
    any size. What cannot take it raises when it runs.
    """
    if size is None:
        return subject
    if size not in subject.resized:
        subject.resized[size] = _made(subject, size)
    return subject.resized[size]


def _made(subject: Subject, size: int) -> Subject:
    return replace(
        subject,
        candidate=_fitted(subject.candidate, size),
        baseline=_fitted(subject.baseline, size),
        example=lambda items: _scaled(subject.example(items), size),
        real=None,
        singles={},
        resized={},
    )


def _fitted(net: nn.Module, size: int) -> nn.Module:
    fit: Callable[..., None] | None = getattr(net, "set_input_size", None)
    if fit is None:
        return net
    copied = deepcopy(net)
    copied.set_input_size(img_size=(size, size))  # type: ignore[operator]  # timm's method
    return copied.eval()


def _scaled(batch: Batch, size: int) -> Batch:
    from torch.nn.functional import interpolate

    layout = batch.inputs
    made = interpolate(layout.float(), size=(size, size), mode="bilinear", align_corners=False)
    return Batch(made.to(layout.dtype), batch.targets, batch.accepted)
