"""How sure a selection is: scored again on other calibration items."""

from __future__ import annotations

from pydantic import Field

from harness.collectors.base import SelectionCollector, collectors


@collectors.register("stability")
class StabilityCollector(SelectionCollector):
    """Mean Kendall's tau between the ranking on all calibration items and those on subsets of them.

    The value is that of the largest size; `details` hold every size, intervals of scores and ranks, and the units
    whose place is not settled. A criterion that reads no calibration items has no such number.
    """

    metric = "stability_tau"

    subsets: int = Field(10, ge=2, le=1000, description="subsets of each size")
    sizes: tuple[int, ...] = Field((), description="items of a subset; empty: half of the calibration part")
