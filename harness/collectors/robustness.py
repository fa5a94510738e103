"""Top-1 accuracy on corrupted test images, each corruption and severity by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, field_validator

from harness.collectors.accuracy import Accuracy
from harness.collectors.base import OutcomeCollector, Tally, View, collectors
from harness.datasets.chance import derived
from harness.datasets.corruptions import CORRUPTIONS, SEVERITIES
from harness.errors import DataError, unknown
from harness.records import Asked, Measurement, Outcome
from harness.schema import OneOrMany, Options
from harness.tasks.base import Batch, Task
from harness.tasks.classification import Classification
from harness.tasks.images import ImageInput

if TYPE_CHECKING:
    from torch import Tensor

METRIC = "top1"
SLACK = 0.5 / 255  # half a grey level: what rounding may put outside 0 to 1


def _known(corruption: str) -> str:
    if corruption not in CORRUPTIONS:
        raise ValueError(str(unknown("corruption", corruption, CORRUPTIONS)))
    return corruption


def _graded(severity: int) -> int:
    if severity not in SEVERITIES:
        raise ValueError(f"no severity {severity}; known: {', '.join(map(str, SEVERITIES))}")
    return severity


@collectors.register("robustness")
class Robustness(OutcomeCollector):
    """Top-1 accuracy on the test split under noise, blur and the like; every pair of both lists is a pass of its own.

    Kinds of corruption after Hendrycks and Dietterich 2019 (arXiv 1903.12261); strengths are our own and follow the
    size of the images, so numbers are not comparable with ImageNet-C. Three kinds of noise are there with its strengths
    too, as imagenet_c_gaussian_noise and so on: comparable on images of 224 pixels, but for the JPEG in which the
    published images are kept. An item is corrupted alike in every trial.
    """

    tasks: ClassVar[tuple[str, ...]] = (Classification.name,)
    reads_test_sets: ClassVar[bool] = False
    splits: ClassVar[tuple[str, ...]] = ("test",)

    corruptions: Annotated[tuple[Annotated[str, AfterValidator(_known)], ...], OneOrMany] = Field(
        ("gaussian_noise", "gaussian_blur", "contrast", "jpeg"),
        min_length=1,
        description=f"one or several of {', '.join(sorted(CORRUPTIONS))}",
    )
    severities: Annotated[tuple[Annotated[int, AfterValidator(_graded)], ...], OneOrMany] = Field(
        (1, 3, 5), min_length=1, description="one or several of 1 to 5"
    )
    seed: int = Field(0, ge=0, description="what noise and directions are drawn from")

    @field_validator("corruptions", "severities")
    @classmethod
    def _differ(cls, value: tuple[str | int, ...]) -> tuple[str | int, ...]:
        twice = next((one for one in value if value.count(one) > 1), None)
        if twice is not None:
            raise ValueError(f"names {twice} twice")
        return value

    def asked(self) -> tuple[Asked, ...]:
        return tuple(Asked(metric=METRIC, split=split, at=view.at) for split in self.splits for view in self.views())

    def views(self) -> tuple[View, ...]:
        others = {k: v for k, v in self.identity().items() if k not in ("name", "corruptions", "severities")}
        return tuple(
            Corrupted(corruption, severity, self.seed, {"corruption": corruption, "severity": severity, **others})
            for corruption in self.corruptions
            for severity in self.severities
        )

    def tally(self, split: str, task: Task, order: str) -> Tally:
        return FirstAnswers(Accuracy().tally(split, task, order))


@dataclass(frozen=True)
class FirstAnswers:
    """Top-1 alone of what accuracy tallies."""

    whole: Tally

    def update(self, outputs: Tensor, batch: Batch) -> None:
        """Outputs (n, classes) of one batch; raises what accuracy does."""
        self.whole.update(outputs, batch)

    def finish(self) -> tuple[tuple[Measurement, ...], tuple[Outcome, ...]]:
        """The share, and the bits behind it."""
        measurements, outcomes = self.whole.finish()
        return (
            tuple(one for one in measurements if one.metric == METRIC),
            tuple(one for one in outcomes if one.metric == METRIC),
        )


@dataclass(frozen=True)
class Corrupted:
    """Items under one corruption; what is drawn for an item follows the seed, the corruption and the item's index."""

    corruption: str
    severity: int
    seed: int
    at: Options

    def __call__(self, batch: Batch, first: int, config: ImageInput) -> Batch:
        """The batch with other inputs; raises DataError where `config` does not lead back to pixels of 0 to 1."""
        import torch

        mean, std = (np.array(values).reshape(-1, 1, 1) for values in (config.mean, config.std))
        pixels = _checked(batch.inputs.detach().double().cpu().numpy() * std + mean, config)
        change, seed = CORRUPTIONS[self.corruption], derived(self.seed, self.corruption)
        # Not seeded by severity: a higher one is more of the same noise, so that two differ in strength alone. Counted
        # photons are the exception: a generator counts another rate in other steps.
        chances = (np.random.default_rng(derived(seed, first + place)) for place in range(len(pixels)))
        changed = [change(item, self.severity, chance) for item, chance in zip(pixels, chances, strict=True)]
        inputs = torch.from_numpy((np.stack(changed) - mean) / std)
        return replace(batch, inputs=inputs.to(batch.inputs))


def _checked(pixels: NDArray[np.float64], config: ImageInput) -> NDArray[np.float64]:
    low, high = float(pixels.min()), float(pixels.max())
    if low < -SLACK or high > 1 + SLACK:
        raise DataError(
            f"with mean {config.mean} and std {config.std} the inputs go back to pixels of {low:.3g} to {high:.3g}; "
            "to be corrupted they must be images of 0 to 1 that were standardised with this mean and std"
        )
    return np.clip(pixels, 0.0, 1.0)
