"""Traps of times that come from memory which a process gives back and fetches anew."""

from __future__ import annotations

import time
from statistics import median
from typing import Any

import torch

from benchmarks.traps.processes import fresh
from benchmarks.traps.spreads import rounded, spread
from harness import heap
from harness.models import create
from harness.schema import Json, Options

SMALL_VIT: Options = {"img_size": 16, "patch_size": 2, "embed_dim": 64, "num_heads": 4, "depth": 8}
BATCH, PAIRS = 32, 40
PASTS = (1, 16, 50, 64, 128, 256)  # the batch that a process has run before


def heap_state() -> Json:
    """Two copies of one network in turn, in processes that differ in what they ran before: pages fetched, and times."""
    found: dict[str, list[tuple[float, float, float]]] = {"as_it_comes": [], "held": []}
    for past in PASTS:
        for name, told in found.items():
            told.append(fresh(_in_turn, past, name == "held"))
    return {"batches_before": [*PASTS], **{name: _told(steps) for name, steps in found.items()}}


def _in_turn(past: int, is_held: bool) -> tuple[float, float, float]:
    """Pages that a step of the first copy fetched, its seconds, and the median ratio of the second to the first."""
    first, second = (create("deit_tiny_patch16_224", SMALL_VIT, {}).eval() for _ in range(2))
    with torch.inference_mode():
        first(torch.zeros(past, 3, 16, 16))
        if is_held:
            heap.hold()
        inputs = torch.zeros(BATCH, 3, 16, 16)
        pairs = [(_step(first, inputs), _step(second, inputs)) for _ in range(PAIRS)][PAIRS // 4 :]
    ratio = median(other / mine for (_, mine), (_, other) in pairs)
    return median(pages for (pages, _), _ in pairs), median(mine for (_, mine), _ in pairs), ratio


def _step(net: Any, inputs: torch.Tensor) -> tuple[int, float]:
    pages, started = heap.page_faults(), time.perf_counter()
    net(inputs)
    return heap.page_faults() - pages, time.perf_counter() - started


def _told(steps: list[tuple[float, float, float]]) -> Json:
    pages, seconds, ratios = zip(*steps, strict=True)
    return {"pages": [*pages], "seconds": [*map(rounded, seconds)], "copy_over_copy": spread(ratios)}


TRAPS = {"heap_state": heap_state}
