"""One pass over the calibration items that sees what units add to the residual stream; means of it by token."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from harness.criteria.base import Scoring
from harness.criteria.layouts import tokens_of
from harness.criteria.means import Mean
from harness.criteria.tokens import Tokens, kept
from harness.streams import Seen, tapped

if TYPE_CHECKING:
    from torch import Tensor

    from harness.families.base import Unit

Measure: TypeAlias = "Callable[[Tensor, Tensor], Tensor]"


def watch(scoring: Scoring, seen: Seen) -> None:
    """Runs the network as it stands over all items; `seen(unit, x, added)` as `tapped` calls it."""
    import torch

    with torch.inference_mode(), tapped(scoring.net, scoring.units, seen):
        for batch in scoring.batches:
            scoring.task.forward(scoring.net, batch.to(scoring.device))


def mean_over_tokens(scoring: Scoring, tokens: Tokens, where: str, measure: Measure) -> dict[str, float]:
    """The mean of `measure(x, added)` over the tokens that count, for each unit; one pass over the items.

    Both come as (n, tokens, width), and the measure gives (n, tokens); sums are in float64. Raises SpecError, at
    `where`, for tokens that the network does not have.
    """
    means = {unit.name: Mean() for unit in scoring.units}
    chosen = kept(scoring, tokens, where)

    def seen(unit: Unit, x: Tensor, added: Tensor) -> None:
        measured = measure(tokens_of(scoring.net, unit, x), tokens_of(scoring.net, unit, added))
        means[unit.name].add(chosen(unit, measured))

    watch(scoring, seen)
    return {name: mean.value() for name, mean in means.items()}
