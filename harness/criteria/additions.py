"""What units add to the residual stream, token by token, averaged over the calibration items."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from harness.criteria.base import Scoring
from harness.criteria.layouts import tokens_of
from harness.criteria.means import Mean
from harness.criteria.tokens import Tokens, kept
from harness.streams import tapped

if TYPE_CHECKING:
    from torch import Tensor

    from harness.families.base import Unit

Measure: TypeAlias = "Callable[[Tensor, Tensor], Tensor]"


def mean_over_tokens(scoring: Scoring, tokens: Tokens, where: str, measure: Measure) -> dict[str, float]:
    """The mean of `measure(x, added)` over the tokens that count, for each unit; one pass over the items.

    Both come as (n, tokens, width), and the measure gives (n, tokens); sums are in float64. Raises SpecError, at
    `where`, for tokens that the network does not have.
    """
    import torch

    means = {unit.name: Mean() for unit in scoring.units}
    chosen = kept(scoring, tokens, where)

    def seen(unit: Unit, x: Tensor, added: Tensor) -> None:
        measured = measure(tokens_of(scoring.net, unit, x), tokens_of(scoring.net, unit, added))
        means[unit.name].add(chosen(unit, measured))

    with torch.inference_mode(), tapped(scoring.net, scoring.units, seen):
        for batch in scoring.batches:
            scoring.task.forward(scoring.net, batch.to(scoring.device))
    return {name: mean.value() for name, mean in means.items()}
