"""Traps of the peak memory of forward passes on a CPU."""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

from benchmarks.traps.memory import MIB, status
from benchmarks.traps.processes import fresh
from benchmarks.traps.spreads import spread
from harness.device import PeakMemory
from harness.host_memory import Peak
from harness.schema import Json, Options

POLL_S = 0.01
ALLOWED = 256 * MIB  # of address space, above what is mapped
SPIKE, SPIKES = 8 * MIB, 40


def hidden() -> Json:
    """A forward pass of deit_tiny by the mark that never falls, by one that is reset, and by the size afterwards."""
    return fresh(_hidden)


def _hidden() -> Json:
    step = {batch: _step("deit_tiny_patch16_224", batch) for batch in (1, 8, 32)}
    for run in step.values():
        run()
    found: dict[str, Json] = {}
    for batch, run in step.items():
        before = status("VmHWM")
        run()
        unseen, after = status("VmHWM") - before, status("VmRSS")
        peaks = [_peak(run) for _ in range(5)]
        found[f"batch_{batch}"] = {
            "rise_of_the_mark_without_a_reset": unseen,
            "size_afterwards": after,
            "highest": peaks[-1].peak_bytes,
            "at_rest": peaks[-1].resting_bytes,
            "above_rest": None if peaks[-1].reason else median(p.above_bytes or 0 for p in peaks),
            "reason": peaks[-1].reason,
        }
    return found


def below() -> Json:
    """A pass of a network of width 64 on one image of 8x8 pixels."""
    return fresh(_below)


def _below() -> Json:
    step = _step("deit_tiny_patch16_224", 1, {"img_size": 8, "patch_size": 2, "embed_dim": 64, "num_heads": 4})
    step()
    peak = _peak(step)
    return {"highest": peak.peak_bytes, "at_rest": peak.resting_bytes, "above": peak.above_bytes, "reason": peak.reason}


def _step(architecture: str, batch: int, options: Options | None = None) -> Callable[[], object]:
    import torch

    from harness.models import create

    size = 224 if options is None else 8
    net, inputs = create(architecture, options or {}, {}), torch.zeros(batch, 3, size, size)

    def run() -> object:
        with torch.inference_mode():
            return net(inputs)

    return run


def _peak(step: Callable[[], object]) -> Peak:
    with PeakMemory("cpu") as phase:
        step()
    return phase.peak


def polled() -> Json:
    """What a poller with a period of 10 ms sees of a peak that the kernel's mark holds."""
    return fresh(_polled)


def _polled() -> Json:
    step = _step("resnet50", 16)
    step()
    slow = [_missed(step, 0) for _ in range(5)]
    short = [_missed(partial(bytearray, SPIKE), number / SPIKES) for number in range(SPIKES)]
    return {
        "resnet50_batch_16_missed_bytes": spread([peak - seen for peak, seen in slow]),
        "resnet50_batch_16_seen_share": spread([seen / peak for peak, seen in slow]),
        "spike": SPIKE,
        "spikes_missed_by_half_or_more": sum(2 * seen < peak for peak, seen in short),
        "spikes": SPIKES,
    }


def _missed(step: Callable[[], object], phase_of_poll: float) -> tuple[int, int]:
    """Bytes above rest by the mark, and by a poller beside it; the step begins at a phase of the poller's period."""
    ended = threading.Event()
    with PeakMemory("cpu") as phase:
        seen: list[int] = []
        rest = status("VmRSS")
        poller = threading.Thread(target=_poll, args=(ended, seen))
        poller.start()
        time.sleep(POLL_S * (1 + phase_of_poll))
        step()
        ended.set()
        poller.join()
    return phase.peak.peak_bytes - phase.peak.resting_bytes, max(0, max(seen, default=rest) - rest)


def _poll(ended: threading.Event, seen: list[int]) -> None:
    while not ended.wait(POLL_S):
        seen.append(status("VmRSS"))


def earlier() -> Json:
    """A pass at batch 4 after one at batch 32 in the same process, by a mark that nobody reset."""
    return fresh(_earlier)


def _earlier() -> Json:
    step = {batch: _step("deit_tiny_patch16_224", batch) for batch in (4, 32)}
    step[4]()
    alone = _peak(step[4])
    rest = status("VmRSS")
    step[32]()
    step[4]()
    return {"batch_4_alone": alone.peak_bytes - alone.resting_bytes, "after_batch_32": status("VmHWM") - rest}


def too_large() -> Json:
    """A batch that memory cannot hold, under a limit: what a study says, and what timm's rule would time."""
    return fresh(_too_large)


def _too_large() -> Json:
    from timm.utils.decay_batch import decay_batch_step

    from benchmarks.traps.steps import AT_ONCE, step_of, subject
    from harness.collectors.pairs import Setting, measure
    from harness.device import IdleClock, out_of_memory

    pair, batch = subject(), 256
    decay: Any = decay_batch_step  # not annotated
    limit = status("VmSize") + ALLOWED
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    told = measure(pair, [Setting(batch)], IdleClock("cpu"), AT_ONCE)[Setting(batch)]

    def fits(items: int) -> bool:
        return out_of_memory(lambda: step_of(pair, pair.baseline, items)() is not None, "cpu") is True

    decayed = batch
    while decayed and not fits(decayed):
        decayed = decay(decayed)
    return {"asked": batch, "study": told if isinstance(told, str) else "measured", "timm_would_time": decayed}


TRAPS = {
    "hidden": hidden,
    "below": below,
    "polled": polled,
    "earlier": earlier,
    "too_large": too_large,
}
