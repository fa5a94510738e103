"""Seconds of a step of the form for inference, beside the form of training of the same network."""

from __future__ import annotations

import copy
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from harness.collectors.base import Clock, CostCollector, Subject, collectors
from harness.collectors.identities import at_batch
from harness.collectors.metrics import absent
from harness.collectors.paired import paired
from harness.collectors.pairs import PairOptions, Setting, measure
from harness.collectors.singles import twin
from harness.errors import HarnessError
from harness.records import Asked, Measurement
from harness.tasks.classification import Classification
from harness.transforms.deploy import Deploy

if TYPE_CHECKING:
    from torch import nn


@collectors.register("deployed")
class Deployed(PairOptions, CostCollector):
    """Seconds per step of the deployed form; the pairs are with the form of training of the same network, in turn.

    What the transform `deploy` folds is folded in a copy, so branches that only training needs are timed against none
    in one process: what a network of any removal gains by it (RepMLPNet, arXiv 2112.11081, section 4.4). The largest
    difference of the outputs, as a share of the largest output, is in the details. Null where nothing can be folded, as
    under the transform itself.
    """

    is_timed: ClassVar[bool] = True
    tasks: ClassVar[tuple[str, ...]] = (Classification.name,)

    batch: int = Field(1, ge=1, description="items in a step")

    def asked(self) -> tuple[Asked, ...]:
        return tuple(Asked(metric="deployed_latency_s", at=at_batch(self, self.batch, size)) for size in self.sizes())

    def collect(self, subject: Subject, clock: Clock) -> tuple[Measurement, ...]:
        try:
            folded = _folded(subject.candidate)
        except HarnessError as error:
            return tuple(absent(asked, "noisy", f"not_deployable: {error}") for asked in self.asked())
        # A deployed form is a deep copy, and those run a little slower than networks as built: so both are copies.
        both = replace(subject, candidate=folded, baseline=twin(subject.candidate), resized={})
        found = measure(both, [Setting(self.batch, size) for size in self.sizes()], clock, self)
        moved = _difference(both, self.batch)
        return tuple(
            absent(asked, "noisy", pairs)
            if isinstance(pairs, str)
            else _with(paired(asked, pairs, both, self.noisy_above, median(pairs.seconds), float), moved)
            for asked, pairs in zip(self.asked(), found.values(), strict=True)
        )


def _folded(net: nn.Module) -> nn.Module:
    """Folded in full precision, as the transform folds a network before its runtime casts it."""
    first = next(net.parameters())
    return Deploy().apply(copy.deepcopy(net).float()).to(first.dtype).eval()


def _difference(both: Subject, items: int) -> float:
    """The largest difference of the outputs as a share of the largest output."""
    import torch

    batch = both.example(items)
    with torch.inference_mode():
        deployed, trained = (both.task.forward(net, batch).double() for net in (both.candidate, both.baseline))
    return float((deployed - trained).abs().amax() / trained.abs().amax())


def _with(found: Measurement, moved: float) -> Measurement:
    return found.model_copy(update={"details": {**found.details, "largest_difference": moved}})
