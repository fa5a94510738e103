"""How much the loss answers to a unit, to first order: the mean absolute derivative of its gate."""

from __future__ import annotations

from collections.abc import Mapping

from harness.criteria.base import Items, Scoring, UnitCriterion, criteria
from harness.criteria.gates import gate_derivatives


@criteria.register("taylor")
class Taylor(UnitCriterion):
    """How much the loss answers to a unit, to first order: mean over items of |g dL_i/dg| at g = 1.

    g is a gate on what the unit adds, one for each item, and L_i the loss of item i alone: L_i(g = 1) - L_i(g = 0) is
    about g dL_i/dg. Items are taken one by one, and the absolute value before the mean, so that items for which a unit
    helps do not hide those for which it harms. From "Are Sixteen Heads Really Better than One?" (Michel, Levy and
    Neubig, arXiv 1905.10650), after Molchanov et al. (arXiv 1611.06440). In nats. Under the removal `identity` the
    gate runs along u = (2 - g) x + g a. One forward and one backward pass for all units together; targets are read.
    """

    uses_labels = True
    backward_passes = 1

    items: Items = None

    def scores(self, scoring: Scoring) -> Mapping[str, float]:
        return {name: float(found.abs().mean()) for name, found in gate_derivatives(scoring).items()}
