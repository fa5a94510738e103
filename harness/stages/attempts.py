"""Timings taken under watch, and again where they cannot be trusted; every attempt is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from harness import watch
from harness.collectors.guard import guarded
from harness.device import gpu_address
from harness.gpu_state import POWER_CAP, GpuState, gpu_state
from harness.machine import fitness
from harness.records import Measurement
from harness.schema import Json
from harness.watch import RANKS, Counters, Verdict

Collect = Callable[[], tuple[Measurement, ...]]
COLD = ("cold_first_s", "baseline_cold_first_s")
SHOWN = "machine"  # the key of details under which the state before and after stands


def collected(collect: Collect, device: str, remeasure: int) -> tuple[Measurement, ...]:
    """The best of up to 1 + `remeasure` attempts, measurement by measurement; the others stand in its details.

    Another attempt is made only while a measurement that has a value is noisy or tainted. The best is the one of the
    best quality, among equals that of the smallest spread: a spread says nothing about which side gains.
    """
    attempts = [_watched(collect, device)]
    while len(attempts) <= remeasure and any(m.quality != "ok" for m in attempts[-1]):
        again = guarded(partial(_watched, collect, device))
        if isinstance(again, str):  # what was measured before stands
            break
        attempts.append(again)
    return tuple(_best([attempt[number] for attempt in attempts]) for number in range(len(attempts[0])))


def _watched(collect: Collect, device: str) -> tuple[Measurement, ...]:
    before = _Moment.now(device)
    found = collect()
    after = _Moment.now(device)
    verdict = watch.worst([watch.judged(before.counters, after.counters), *map(of_gpu, (before.gpu, after.gpu))])
    states: dict[str, Json] = {"before": before.facts(), "after": after.facts(), "between": verdict.facts}
    return tuple(_marked(m, verdict, states) if m.value is not None else m for m in found)


class _Moment:
    """The machine and its GPU at one moment."""

    def __init__(self, counters: Counters, gpu: GpuState | None, state: dict[str, Json]) -> None:
        self.counters = counters
        self.gpu = gpu
        self._state = state

    @classmethod
    def now(cls, device: str) -> _Moment:
        address = gpu_address(device)
        gpu = None if address is None else gpu_state(address.uuid, address.bus_id, holds_context=True)
        return cls(watch.counters(Path("/")), gpu, fitness())

    def facts(self) -> dict[str, Json]:
        """Load, limits and governor; of a GPU clocks, temperature, power and who uses it."""
        gpu: dict[str, Json] = {} if self.gpu is None else {"gpu": _told(self.gpu)}
        return {key: value for key, value in self._state.items() if key != "warnings"} | gpu


def _told(gpu: GpuState) -> dict[str, Json]:
    facts: dict[str, Json] = {
        key: [*value] if isinstance(value, tuple) else value for key, value in asdict(gpu).items() if value is not None
    }
    return facts


def of_gpu(gpu: GpuState | None) -> Verdict:
    """What the state of the GPU says about a timing beside it: others on it, or its clock held back.

    At its power limit a card is as fast as it is at full load: that is remarked, and no reason to measure again.
    """
    if gpu is None:
        return Verdict()
    reasons, remarks = [], []
    if gpu.foreign_processes:
        reasons.append(f"tainted: {gpu.foreign_processes} other processes compute on the GPU")
    held_back = [why for why in gpu.throttle_reasons or () if why != POWER_CAP]
    if held_back:
        reasons.append(f"tainted: the GPU's clock is held back ({', '.join(held_back)})")
    if POWER_CAP in (gpu.throttle_reasons or ()):
        limit = "" if gpu.power_limit_w is None else f" of {gpu.power_limit_w:.0f} W"
        remarks.append(f"the GPU worked at its power limit{limit}: its clock follows what runs on it")
    return Verdict("tainted" if reasons else "ok", tuple(reasons), remarks=tuple(remarks))


def _marked(found: Measurement, verdict: Verdict, states: dict[str, Json]) -> Measurement:
    """The measurement with what the machine adds to its doubts."""
    quality = max(found.quality, verdict.quality, key=RANKS.__getitem__)
    reasons = [*([found.reason] if found.reason else []), *verdict.reasons]
    return found.model_copy(
        update={
            "quality": quality,
            "reason": "; ".join(reasons) or None,
            "warnings": (*found.warnings, *verdict.reasons, *verdict.remarks),
            "details": {**found.details, SHOWN: states},
        }
    )


def _best(attempts: Sequence[Measurement]) -> Measurement:
    chosen = min(attempts, key=lambda m: (m.value is None, RANKS[m.quality], _spread(m)))
    others = [attempt for attempt in attempts if attempt is not chosen]
    if not others:
        return chosen
    kept: list[Json] = [_attempt(number, m) for number, m in enumerate(attempts) if m is not chosen]
    # Only the first attempt met the networks cold.
    cold = {key: attempts[0].details[key] for key in COLD if key in attempts[0].details}
    details = {**chosen.details, **cold, "attempts": len(attempts), "other_attempts": kept}
    return chosen.model_copy(update={"details": details})


def _by_sublayer(found: Measurement) -> dict[str, Json]:
    if found.by_sublayer is None:
        return {}
    return {"by_sublayer": {**found.by_sublayer}, "ratios": found.details.get("ratios")}


def _spread(found: Measurement) -> float:
    spread = found.details.get("ratio_spread")
    return float(spread) if isinstance(spread, int | float) else 0.0


def _attempt(number: int, found: Measurement) -> Json:
    return {
        "number": number,
        "value": found.value,
        "quality": found.quality,
        "reason": found.reason,
        "samples": [*found.samples],
        "baseline_samples": [*found.baseline_samples],
        "rounds": [*found.rounds],
        **_by_sublayer(found),
    }
