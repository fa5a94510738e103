"""How few hidden units fire, in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.report.phrases import joined
from harness.tables.activity import Active
from harness.tables.cells import percent, points

FEWEST = 3  # MLPs that have a first, a middle and a last


def activity_words(active: Sequence[Active]) -> str:
    """What share of units fires in each network as it was trained, and at which depths; empty where none was counted.

    Budgets of units are left out: a budget is what fires under it.
    """
    plain = [one for one in active if one.is_plain]
    if not plain:
        return ""
    told = [f"{_share(one)} % in {one.label}" for one in plain]
    sentences = [f"Of the hidden units of its MLPs, those that fire on a token of the test split are {joined(told)}."]
    sentences += [_depths(one) for one in plain[:1] if len(one.mlps) >= FEWEST]
    return " ".join(sentences)


def _share(one: Active) -> str:
    """Over networks that differ in their seed."""
    return points([float(np.mean(shares)) for shares in one.shares])


def _depths(one: Active) -> str:
    low, high = int(np.argmin(one.mean)), int(np.argmax(one.mean))
    return (
        f"By the mean over networks the fewest fire in {one.label} in {one.mlps[low]} ({percent(one.mean[low])}), the "
        f"most in {one.mlps[high]} ({percent(one.mean[high])})."
    )
