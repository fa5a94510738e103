"""Limits are said as a reader would say them."""

from __future__ import annotations

import pytest

from harness.tables.limits import limit_words


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ({"top1_drop": 0.01}, "lose at most 1 point of top-1"),
        ({"top1_drop": 0.005}, "lose at most 0.5 points of top-1"),
        ({"latency_ratio": 0.9}, "need at most 90 % of the latency"),
        ({"speedup": 1.25}, "run at least 1.25 times as fast"),
        ({"latency_s": 0.002}, "need at most 2 ms of latency"),
        ({"peak_bytes": 2.0**31}, "need at most 2 GiB of peak memory"),
        ({"macs": 1.5e9}, "need at most 1.5 GMACs"),
        ({"images_per_s": 12_500}, "reach at least 12500 items/s"),
        (
            {"top1_drop": 0.02, "peak_ratio": 0.5},
            "lose at most 2 points of top-1 and need at most 50 % of the peak memory",
        ),
    ],
)
def test_a_limit_in_words(bounds: dict[str, float], words: str) -> None:
    assert limit_words(bounds) == words
