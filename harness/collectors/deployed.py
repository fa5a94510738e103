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
    in one process: what a network of any removal gains by it (RepMLPNet, arXiv 2112.11081, section 4.4). That both give
    the same outputs is checked where they are folded. Null where nothing can be folded, as under the transform itself.
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
        return tuple(
            absent(asked, "noisy", pairs)
            if isinstance(pairs, str)
            else paired(asked, pairs, both, self.noisy_above, median(pairs.seconds), float)
            for asked, pairs in zip(self.asked(), found.values(), strict=True)
        )


def _folded(net: nn.Module) -> nn.Module:
    """Folded in full precision, in the numbers and the layout that the network has here."""
    import torch

    first = next(net.parameters())
    folded = Deploy().apply(copy.deepcopy(net).float()).to(first.dtype).eval()
    maps = [weight for weight in net.parameters() if weight.dim() == 4]
    is_last = any(not weight.is_contiguous() for weight in maps)
    return folded.to(memory_format=torch.channels_last) if is_last else folded
