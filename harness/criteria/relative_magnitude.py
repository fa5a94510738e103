"""How much a unit adds beside what is there: the norm of what it adds against the norm of the stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from harness.criteria.additions import mean_over_tokens
from harness.criteria.base import Items, Scoring, UnitCriterion, criteria
from harness.criteria.tokens import Tokens

if TYPE_CHECKING:
    from torch import Tensor

SMALLEST = 1e-12  # of a stream's norm: a token of zeros has no ratio


@criteria.register("relative_magnitude")
class RelativeMagnitude(UnitCriterion):
    """How much a unit adds beside what is there: mean over tokens of ||a|| / ||x||, y = x + a.

    With `against: leaves` the denominator is ||x + a||: the form of "Weight subcloning" (Samragh et al., arXiv
    2312.09299), which ShortGPT (arXiv 2403.03853) and LLM-Drop compare with. The ratio is taken for each token and
    then averaged, so that no token counts by its size; Euclidean norms over the width in float32, means in float64.
    A stream's norm is never taken smaller than 1e-12. One forward pass for all units together.
    """

    against: Literal["enters", "leaves"] = Field("enters", description="the stream before the unit, or after it")
    tokens: Tokens = "all"
    items: Items = None

    def scores(self, scoring: Scoring) -> Mapping[str, float]:
        return mean_over_tokens(scoring, self.tokens, "criteria.relative_magnitude.tokens", self._ratio)

    def _ratio(self, x: Tensor, added: Tensor) -> Tensor:
        import torch

        x, added = x.float(), added.float()
        stream = x if self.against == "enters" else x + added
        norms: Tensor = torch.linalg.vector_norm(stream, dim=-1).clamp(min=SMALLEST)
        ratio: Tensor = torch.linalg.vector_norm(added, dim=-1) / norms
        return ratio
