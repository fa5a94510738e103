"""How much information the output of each unit carries by itself: lambda-ViT's entropy by depth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from harness.criteria.additions import watch
from harness.criteria.base import Scoring, UnitCriterion, criteria
from harness.criteria.features import check_class_token, reduced
from harness.criteria.layouts import tokens_of
from harness.criteria.moments import Base, Deviation, Gaussian, Moments
from harness.criteria.tokens import kept
from harness.tasks.base import Batch

if TYPE_CHECKING:
    from torch import Tensor

    from harness.families.base import Unit


@criteria.register("sublayer_entropy")
class SublayerEntropy(UnitCriterion):
    """How much information a unit's output carries: H = sum over channels of log sigma; low entropy goes first.

    sigma_j is the standard deviation of channel j over samples, in float64, and the output is what the unit adds to the
    stream: a sublayer's branch, layer scale included, or a block's output minus its input. The motivating figure of
    "MLP Can Be A Good Transformer Learner" (lambda-ViT, arXiv 2404.05657): entropy of attention and MLP by depth. Which
    reduction over tokens it used is not published, hence `tokens`: each token of each item is a sample (all), or each
    item gives one, its class token (the first of the stream) or the mean of its tokens. A sigma below `guard` counts as
    `guard`, so that a unit that gives nothing has the lowest entropy that there is. Sums over channels compare units of
    one width; `per_channel` compares stages of different widths. One forward pass for all units together.
    """

    tokens: Literal["class", "mean", "all"] = Field("all", description="reduction over the tokens of an item")
    residual: bool = Field(False, description="of the stream that leaves the unit instead of what the unit adds to it")
    per_channel: bool = Field(False, description="mean over channels instead of their sum")
    items: int | None = Field(None, ge=2, description="calibration items; null: the whole part")
    base: Base = Field("e", description="of the logarithm")
    deviation: Deviation = Field("population", description="standard deviation by n or by n - 1")
    guard: float = Field(1e-6, gt=0, description="smallest standard deviation that counts; a smaller one is a constant")

    def scores(self, scoring: Scoring) -> Mapping[str, float]:
        where, is_one = "criteria.sublayer_entropy.tokens", self.tokens == "class"
        if is_one:
            check_class_token(scoring.net, where)
        chosen = kept(scoring, "class" if is_one else "all", where)
        moments = {unit.name: Moments() for unit in scoring.units}

        def seen(unit: Unit, x: Tensor, added: Tensor, batch: Batch) -> None:
            output = tokens_of(scoring.net, unit, x + added if self.residual else added)
            for own in batch.unpadded(output):
                moments[unit.name].add(reduced(chosen(unit, own), self.tokens))

        watch(scoring, seen)
        return {name: self._entropy(name, found) for name, found in moments.items()}

    def _entropy(self, name: str, moments: Moments) -> float:
        measure = Gaussian(self.guard, self.base, self.deviation)
        try:
            entropy = measure.entropy(moments)
        except ArithmeticError as error:
            raise ArithmeticError(f"{error}: the output of {name}") from None
        return entropy / len(moments.sigma()) if self.per_channel else entropy
