"""Outputs that an outcome may be read from: none of them NaN, and one for every label."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import DataError
from harness.tasks.base import Batch

if TYPE_CHECKING:
    from torch import Tensor


def check_outputs(outputs: Tensor, batch: Batch, split: str) -> None:
    """Of outputs (n, classes): raises ArithmeticError on NaN, DataError on labels that are not of these classes."""
    bad = int(outputs.isnan().any(dim=1).sum())
    if bad:
        raise ArithmeticError(
            f"the outputs of {bad} of {len(batch)} items of a batch of split {split!r} hold NaN; "
            "the network's arithmetic broke down, so its accuracy means nothing"
        )
    classes = int(outputs.shape[1])
    highest = int(batch.targets.max())
    if highest >= classes:
        raise DataError(f"split {split!r} has label {highest}, but the network has {classes} outputs")
    if batch.accepted is not None and batch.accepted.shape[1] != classes:
        labels = f"split {split!r} says of {batch.accepted.shape[1]} classes whether they are right"
        raise DataError(f"{labels}, but the network has {classes} outputs")
