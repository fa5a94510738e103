"""How much a unit adds to the residual stream: the norm of what it adds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from harness.criteria.additions import mean_over_tokens
from harness.criteria.base import Items, Scoring, UnitCriterion, criteria
from harness.criteria.tokens import Tokens

if TYPE_CHECKING:
    from torch import Tensor


@criteria.register("magnitude")
class Magnitude(UnitCriterion):
    """How much a unit adds to the stream: mean over tokens of ||a||, a what it adds (y = x + a).

    The plainest criterion of all, magnitude pruning (Han et al., arXiv 1506.02626) asked of what a unit gives instead
    of its weights. a is the output of a sublayer's branch, layer scale included, or a block's output minus its input;
    the norm is over the width, in float32, averaged in float64 over every token of every item. Under the removal
    `identity` it says the same: what is put in place of a plays no part in it. `tokens` are those of `similarity`. One
    forward pass for all units together.
    """

    norm: Literal["l2", "l1"] = Field("l2", description="root of the sum of squares, or sum of absolute values")
    tokens: Tokens = "all"
    items: Items = None

    def scores(self, scoring: Scoring) -> Mapping[str, float]:
        import torch

        order = {"l2": 2, "l1": 1}[self.norm]

        def norms(_: Tensor, added: Tensor) -> Tensor:
            found: Tensor = torch.linalg.vector_norm(added.float(), ord=order, dim=-1)
            return found

        return mean_over_tokens(scoring, self.tokens, "criteria.magnitude.tokens", norms)
