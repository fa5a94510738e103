"""How much the loss answers to a unit, to second order: half the empirical Fisher information of its gate."""

from __future__ import annotations

from collections.abc import Mapping

from harness.criteria.base import Items, Scoring, UnitCriterion, criteria
from harness.criteria.gates import gate_derivatives


@criteria.register("fisher")
class Fisher(UnitCriterion):
    """Half the empirical Fisher information of a unit's gate: 1/2 mean over items of (dL_i/dg)^2 at g = 1.

    Near a minimum the loss grows by 1/2 H when g falls from 1 to 0, and the Fisher information stands for the Hessian
    H: "Faster gaze prediction with dense networks and Fisher pruning" (Theis et al., arXiv 1801.05787). It is the
    *empirical* Fisher: derivatives of the loss of the data's own targets, not of targets drawn from the network's
    outputs, which is another matrix where the network does not fit its data (Kunstner et al., arXiv 1905.12558). The
    gate is that of `taylor`, `identity` included. One forward and one backward pass for all units together; targets
    are read.
    """

    uses_labels = True
    backward_passes = 1

    items: Items = None

    def scores(self, scoring: Scoring) -> Mapping[str, float]:
        return {name: float(found.square().mean()) / 2 for name, found in gate_derivatives(scoring).items()}
