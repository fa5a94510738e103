"""How far a set turns what the head reads: the cosine score of the final feature."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.criteria.base import Items, Scoring, SetCriterion, Tally, criteria
from harness.criteria.features import head_input
from harness.criteria.means import MeanOf
from harness.tasks.base import Batch

if TYPE_CHECKING:
    from torch import Tensor


@criteria.register("final_similarity")
class FinalSimilarity(SetCriterion):
    """How far a set turns what the head reads: 1 - mean over items of cos(F, F without S).

    LLM-Drop's score (arXiv 2406.15786) asked of a set and of the end of the network instead of a unit and its own
    output; F is what the head reads, on a DeiT the class token after the last norm. Cosines over the width in float32,
    averaged in float64; the score lies in [0, 2]. No labels. One forward pass over the items for the untouched network
    and one for each set.
    """

    items: Items = None

    def read(self, scoring: Scoring, batch: Batch) -> Tensor:
        """What the head reads, (n, channels)."""
        return head_input(scoring.net, batch.inputs, "criteria.final_similarity")

    def tallies(self, scoring: Scoring, untouched: tuple[Tensor, ...]) -> Callable[[], Tally]:
        def turned(read: Tensor, _: Batch, index: int) -> Tensor:
            import torch

            cosines = torch.nn.functional.cosine_similarity(untouched[index].float(), read.float(), dim=-1)
            return 1 - cosines.clamp(-1, 1)

        return lambda: MeanOf(turned)
