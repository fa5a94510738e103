"""How far a set moves the network's answers: their divergence from the untouched network's."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.criteria.base import Items, Scoring, SetCriterion, Tally, criteria
from harness.criteria.means import MeanOf
from harness.tasks.base import Batch

if TYPE_CHECKING:
    from torch import Tensor


@criteria.register("divergence")
class Divergence(SetCriterion):
    """How far the outputs move: mean over items of KL(p || q) = sum over c of p_c (log p_c - log q_c), in nats.

    p = softmax of the untouched network's outputs, q = softmax of the outputs without the set: the divergence from p of
    Kullback and Leibler (1951), which distillation minimises too (Hinton et al., arXiv 1503.02531). It asks whether the
    network still says the same, not whether that is right, and so needs no labels. In float64; at least 0, and 0 for
    outputs that differ by a constant. One forward pass over the items for the untouched network and one for each set.
    """

    items: Items = None

    def tallies(self, scoring: Scoring, untouched: tuple[Tensor, ...]) -> Callable[[], Tally]:
        before = tuple(outputs.double().log_softmax(dim=-1) for outputs in untouched)

        def moved(read: Tensor, _: Batch, index: int) -> Tensor:
            p, q = before[index], read.double().log_softmax(dim=-1)
            return (p.exp() * (p - q)).sum(-1)

        return lambda: MeanOf(moved)
