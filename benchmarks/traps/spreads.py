"""Several values of one thing as median, quartiles, smallest and largest."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median, quantiles

from harness.schema import Json

FIGURES = 4  # significant ones


def rounded(value: float) -> float:
    """To four significant figures."""
    return float(f"{value:.{FIGURES}g}")


def spread(values: Sequence[float]) -> dict[str, Json]:
    """Median, quartiles and range of two values or more."""
    low, _, high = quantiles(values, n=4, method="inclusive")
    return {
        "median": rounded(median(values)),
        "quartiles": [rounded(low), rounded(high)],
        "range": [rounded(min(values)), rounded(max(values))],
        "of": len(values),
    }
