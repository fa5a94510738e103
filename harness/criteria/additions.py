"""One pass over the calibration items that sees what units add to the residual stream; means of it by token."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from harness.criteria.base import Scoring
from harness.criteria.layouts import tokens_of
from harness.criteria.means import Mean
from harness.criteria.tokens import Tokens, kept
from harness.streams import tapped
from harness.tasks.base import Batch

if TYPE_CHECKING:
    from torch import Tensor

    from harness.families.base import Unit

Measure: TypeAlias = "Callable[[Tensor, Tensor], Tensor]"
Watched: TypeAlias = "Callable[[Unit, Tensor, Tensor, Batch], None]"


def watch(scoring: Scoring, seen: Watched) -> None:
    """Runs the network as it stands over all items; `seen(unit, x, added, batch)`, the first three as of `tapped`.

    Where items are padded, x and `added` hold the padding too: `batch.unpadded` leaves it out.
    """
    import torch

    for batch in (one.to(scoring.device) for one in scoring.batches):

        def tap(unit: Unit, x: Tensor, added: Tensor, batch: Batch = batch) -> None:
            seen(unit, x, added, batch)

        with torch.inference_mode(), tapped(scoring.net, scoring.units, tap):
            scoring.task.forward(scoring.net, batch)


def mean_over_tokens(scoring: Scoring, tokens: Tokens, where: str, measure: Measure) -> dict[str, float]:
    """The mean of `measure(x, added)` over the tokens that count, for each unit; one pass over the items.

    Both come as (n, tokens, width), and the measure gives (n, tokens); sums are in float64. Raises SpecError, at
    `where`, for tokens that the network does not have.
    """
    means = {unit.name: Mean() for unit in scoring.units}
    chosen = kept(scoring, tokens, where)

    def seen(unit: Unit, x: Tensor, added: Tensor, batch: Batch) -> None:
        measured = measure(tokens_of(scoring.net, unit, x), tokens_of(scoring.net, unit, added))
        for own in batch.unpadded(measured):
            means[unit.name].add(chosen(unit, own))

    watch(scoring, seen)
    return {name: mean.value() for name, mean in means.items()}
