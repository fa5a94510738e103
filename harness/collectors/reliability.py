"""Confidence against accuracy, bin by bin, and how much of the gap chance alone would make."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.schema import Json

Floats = NDArray[np.float64]
Bits = NDArray[np.bool_]
DRAWS = 200
HIGH = 95  # per cent of the draws


@dataclass(frozen=True)
class Reliability:
    """Items by bin of confidence: how many, the sum of their confidence, how many are right."""

    items: tuple[int, ...]
    confidence: tuple[float, ...]
    right: tuple[int, ...]

    @classmethod
    def of(cls, confidence: Floats, right: Bits, bins: int) -> Reliability:
        """Of confidences (n,) and verdicts (n,); sums are exact before they are rounded, so order does not matter."""
        place = _places(confidence, bins)
        held = [place == number for number in range(bins)]
        return cls(
            tuple(int(one.sum()) for one in held),
            tuple(math.fsum(confidence[one]) for one in held),
            tuple(int(right[one].sum()) for one in held),
        )

    def expected(self) -> float:
        """The gaps of the bins, weighted by their items; an empty bin has no weight."""
        gaps = (abs(right - confidence) for right, confidence in zip(self.right, self.confidence, strict=True))
        return math.fsum(gaps) / sum(self.items)

    def details(self) -> dict[str, Json]:
        """Bin by bin, null where it is empty, and the largest gap."""
        confidence, accuracy = self._means(self.confidence), self._means(self.right)
        gaps = [abs(a - c) for a, c in zip(accuracy, confidence, strict=True) if a is not None and c is not None]
        return {
            "items": sum(self.items),
            "bin_items": list(self.items),
            "bin_confidence": list(confidence),
            "bin_accuracy": list(accuracy),
            "max_calibration_error": max(gaps),
        }

    def _means(self, sums: Iterable[float]) -> list[float | None]:
        return [total / items if items else None for total, items in zip(sums, self.items, strict=True)]


def if_calibrated(confidence: Floats, bins: int) -> dict[str, Json]:
    """The error that a calibrated network with these confidences (n,) gets by chance: its mean and 95 % point.

    Each item is right with the probability of its confidence, drawn anew and from a fixed seed: consistency resampling
    (Broecker and Smith 2007, doi 10.1175/WAF993.1). An error below the 95 % point is no sign of miscalibration.
    """
    place, chance = _places(confidence, bins), np.random.default_rng(0)
    sums = np.bincount(place, weights=confidence, minlength=bins)
    drawn = [
        np.abs(np.bincount(place[chance.random(len(place)) < confidence], minlength=bins) - sums).sum() / len(place)
        for _ in range(DRAWS)
    ]
    return {"if_calibrated": float(np.mean(drawn)), "if_calibrated_high": float(np.percentile(drawn, HIGH))}


def _places(confidence: Floats, bins: int) -> NDArray[np.intp]:
    """Bin m of M, counted from 1, holds what lies above (m - 1) / M and not above m / M; places count from 0."""
    return np.searchsorted(np.arange(1, bins) / bins, confidence, side="left")
