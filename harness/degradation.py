"""What a speedup costs in accuracy: LLM-Drop's speedup degradation ratio."""

from __future__ import annotations


def speedup_degradation(baseline: float, candidate: float, speedup: float) -> float | None:
    """gamma = (baseline - candidate) / (speedup - 1): accuracy points lost per percent of speedup.

    Accuracies are shares and `speedup` is the baseline's time over the candidate's, so the hundreds of points and of
    percent cancel. Negative where accuracy rises; of a candidate that is slower the sign means nothing, and where
    nothing is gained there is no ratio: both give None. From LLM-Drop (arXiv 2406.15786), which prints absolute points,
    as recomputing its tables shows.
    """
    return (baseline - candidate) / (speedup - 1) if speedup > 1 else None
