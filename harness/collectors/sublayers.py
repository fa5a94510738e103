"""What removing each sublayer alone buys on this machine: its share of the latency, and of a GPU's peak memory."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from functools import partial
from statistics import median
from typing import ClassVar

from pydantic import Field

from harness.collectors.base import Clock, CostCollector, Subject, collectors
from harness.collectors.guard import nulls
from harness.collectors.identities import at_batch
from harness.collectors.metrics import absent, answer
from harness.collectors.singles import chosen, facts, whole_of
from harness.collectors.visits import VisitOptions, Visits, visit
from harness.device import PeakMemory, arithmetic, is_gpu, out_of_memory
from harness.records import Asked, Measurement
from harness.schema import Json

SHARE, PEAK = "sublayer_latency_share", "sublayer_peak_bytes"
COMPILED = "compiled: each network without one sublayer would be compiled anew; use a runtime that does not compile"
ON_CPU = "not_on_cpu: a CPU tells the peak of fresh processes only; sublayer_counts has the bytes that are given out"


@collectors.register("sublayers")
class Sublayers(VisitOptions, CostCollector):
    """Share of the latency that goes with each sublayer, removed alone and timed in turn with the whole network.

    A share is 1 less the median of paired ratios; the value is the sum of the shares. All networks share their weights
    in memory, and a copy that lacks nothing is timed among them as a control. On a GPU also the bytes by which the
    peak above rest is lower; there the value is the whole network's.
    """

    of_baselines: ClassVar[bool] = True
    # 1 warmed up too little, let the whole network begin each time, and the system take memory back
    revision: ClassVar[int] = 2
    is_timed: ClassVar[bool] = True

    batch: int = Field(1, ge=1, description="items in a step")
    kinds: tuple[str, ...] = Field((), description="kinds of sublayers; none named: all that there are")
    noisy_above: float = Field(
        0.1, gt=0, description="largest interquartile range of the paired ratios, as a share of their median"
    )

    def asked(self) -> tuple[Asked, ...]:
        at = at_batch(self, self.batch)
        return Asked(metric=SHARE, at=at), Asked(metric=PEAK, at=at)

    def collect(self, subject: Subject, clock: Clock) -> tuple[Measurement, ...]:
        held = chosen(subject, self.kinds)
        if isinstance(held, str):
            return nulls(self.asked(), "noisy", held)
        if subject.compiled(subject.baseline) is not subject.baseline:
            return nulls(self.asked(), "noisy", COMPILED)
        visits = out_of_memory(partial(visit, subject, held, self.batch, clock, self), subject.device)
        if isinstance(visits, str):
            return nulls(self.asked(), "noisy", f"{visits}: a batch of {self.batch} does not fit into its memory")
        if visits.broken:
            return nulls(self.asked(), "noisy", visits.broken)
        described = facts(whole_of(subject), held)
        share, peak = self.asked()
        return self._share(share, visits, subject, described), _peak(peak, visits, subject, described)

    def _share(self, asked: Asked, visits: Visits, subject: Subject, described: dict[str, Json]) -> Measurement:
        shares = {name: one.share for name, one in visits.alone.items()}
        noisy = [name for name, one in visits.alone.items() if one.spread > self.noisy_above]
        tainted, doubt = _backwards(visits), self._noise(noisy, len(shares))
        reasons = [text for text in (tainted, doubt) if text]
        return _measurement(asked, sum(shares.values()), shares).model_copy(
            update={
                "quality": "tainted" if tainted else "noisy" if doubt else "ok",
                "reason": "; ".join(reasons) or None,
                "warnings": tuple(reasons),
                "details": {**described, **_timing(visits, subject), "noisy": [*noisy]},
            }
        )

    def _noise(self, noisy: list[str], of: int) -> str | None:
        """A sentence where at least half of the sublayers are noisy; single ones are marked one by one."""
        if 2 * len(noisy) < of or not noisy:
            return None
        found = f"the interquartile range of the paired ratios is above {self.noisy_above:.0%} of their median"
        return f"noisy: {found} for {len(noisy)} of {of} sublayers"


def _measurement(asked: Asked, value: float, by_sublayer: Mapping[str, float]) -> Measurement:
    return answer(asked, "noisy", value, by_sublayer=dict(by_sublayer))


def _backwards(visits: Visits) -> str | None:
    lost = visits.backwards
    return f"tainted: the clock stood still or went back in {lost} pairs, which were dropped" if lost else None


def _timing(visits: Visits, subject: Subject) -> dict[str, Json]:
    """Raw ratios, and under which conditions they were taken."""
    spreads = {name: one.spread for name, one in visits.alone.items()}
    counts = [len(one.ratios) for one in visits.alone.values()]
    return {
        "ratios": {name: [*one.ratios] for name, one in visits.alone.items()},
        "control_ratios": [*visits.control.ratios],
        "spreads": {**spreads},
        "ratio_spread": median(spreads.values()),
        "baseline_p50": median(visits.seconds),
        "pairs": [min(counts), max(counts)],
        "elapsed_s": visits.elapsed_s,
        "threads": arithmetic(subject.device).threads,
    }


def _peak(asked: Asked, visits: Visits, subject: Subject, described: dict[str, Json]) -> Measurement:
    """A pass of its own, after the timing: one step of each network between two looks at the allocator."""
    import torch

    if not is_gpu(subject.device):
        return absent(asked, "noisy", ON_CPU)
    gc.collect()
    with torch.inference_mode():
        whole = _above_rest(visits.whole, subject.device)
        fallen = {name: whole - _above_rest(one.step, subject.device) for name, one in visits.alone.items()}
    return _measurement(asked, whole, fallen).model_copy(update={"details": described})


def _above_rest(step: Callable[[], object], device: str) -> int:
    with PeakMemory(device) as phase:
        step()
    return phase.peak.peak_bytes - phase.peak.resting_bytes
