"""How sure a study asks to be: selections on other items, every set evaluated, timings taken again."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from harness.schema import OneOrMany, Schema


class Stability(Schema):
    """Selections made again on other calibration items: `subsets` seeded subsets of each size."""

    subsets: int = Field(10, ge=2, le=1000, description="subsets of each size")
    sizes: Annotated[tuple[Annotated[int, Field(ge=2)], ...], OneOrMany] = Field(
        (), description="items of a subset; empty: half of the calibration part"
    )


class Optimum(Schema):
    """Every set of units evaluated, so that a selection is told from the best and the mean of all sets."""

    up_to: int | None = Field(None, ge=1, description="largest sets that are evaluated; null: all")


class Noise(Schema):
    """What is done about timings that cannot be trusted."""

    remeasure: int = Field(2, ge=0, le=20, description="how often a noisy or tainted measurement is taken again")
