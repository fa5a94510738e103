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
    outputs that differ by a constant. Of a text every scored token is an item, and all its outputs are held: it suits a
    small vocabulary. One forward pass over the items for the untouched network and one for each set.
    """

    items: Items = None

    def tallies(self, scoring: Scoring, untouched: tuple[Tensor, ...]) -> Callable[[], Tally]:
        def answers(outputs: Tensor, batch: Batch) -> Tensor:
            return scoring.task.answers(outputs, batch).double().log_softmax(dim=-1)

        held = (batch.to(scoring.device) for batch in scoring.batches)
        before = tuple(answers(outputs, batch) for outputs, batch in zip(untouched, held, strict=True))

        def moved(read: Tensor, batch: Batch, index: int) -> Tensor:
            p, q = before[index], answers(read, batch)
            return (p.exp() * (p - q)).sum(-1)

        return lambda: MeanOf(moved)
