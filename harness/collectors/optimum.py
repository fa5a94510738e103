"""How good a selection is among all sets of its size."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from harness.collectors.base import SelectionCollector, collectors
from harness.tasks.classification import Classification


@collectors.register("optimum")
class OptimumCollector(SelectionCollector):
    """(accuracy - mean over all sets) / (best - mean over all sets): 1 is the best set, 0 chance.

    Every set of the count is evaluated, untrained; best is the set that is best on validation, chosen on one half and
    read on the other (a maximum over many noisy values is optimistic); all accuracies are those of test. `details`
    hold the regret, the percentile, and the best set by calibration.
    """

    metric = "optimum_gain"
    tasks: ClassVar[tuple[str, ...]] = (Classification.name,)

    up_to: int | None = Field(None, ge=1, description="largest sets that are evaluated; null: all")
