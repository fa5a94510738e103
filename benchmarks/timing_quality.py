"""How far a measured speed-up can be trusted: equal networks, a planted slow-down, other ways to pair, and coverage.

    OMP_WAIT_POLICY=passive .venv/bin/python benchmarks/timing_quality.py [--runs 100] [--layers 20] [--width 256]

The collectors are those of a study, with their defaults. `itself` times a network against itself, `same` two copies of
it: the share of runs whose 95 % interval holds 1. `planted` times it against one with one layer more in twenty, which
costs 5 % more: the share whose interval lies below 1, and the share that holds 20/21. All with Wilson intervals, over
all runs and over those that were not marked noisy. `pairing` makes a ratio of equal networks from the same number of
steps in turn and in blocks: the spread of the estimates over runs tells which to believe. `coverage` is simulated,
2,000 seeded runs each at a variation of 2 and 5 %: how often the interval holds the true ratio. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import statistics
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from harness.collectors.base import Subject
from harness.collectors.latency import Latency
from harness.device import IdleClock
from harness.records import Measurement
from harness.stages.attempts import collected
from harness.stats import wilson
from harness.tables.derived import Speedup, speedup
from harness.tasks.base import Batch
from harness.tasks.classification import Classification

SIMULATED = 2_000
VARIATIONS = (0.02, 0.05)
SIZES = (30, 60)  # pairs of three rounds, fewest and most


class Tower(nn.Module):
    """Equal layers, so that one more in twenty costs 5 % more."""

    def __init__(self, layers: int, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(nn.Linear(width, width) for _ in range(layers)))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Items (n, width) in and out."""
        out: torch.Tensor = self.layers(inputs)
        return out


@dataclass
class Run:
    """One measurement of a ratio."""

    found: Speedup
    quality: str

    def holds(self, ratio: float) -> bool:
        """Whether the interval contains a ratio."""
        interval = self.found.interval
        return interval is not None and interval.low <= ratio <= interval.high

    def lies_below(self, ratio: float) -> bool:
        """Whether all of the interval is smaller."""
        return self.found.interval is not None and self.found.interval.high < ratio


def main() -> None:
    """Measures, simulates, prints."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--runs", type=int, default=100)
    arguments.add_argument("--layers", type=int, default=20)
    arguments.add_argument("--width", type=int, default=256)
    asked = arguments.parse_args()
    torch.manual_seed(0)
    tower = Tower(asked.layers, asked.width).eval()
    taller = Tower(asked.layers + 1, asked.width).eval()
    started = time.perf_counter()
    itself, same, planted = [], [], []
    for _ in range(asked.runs):  # in turn, so that a slow hour of the machine meets all
        # Fresh copies each time: of two, one is faster by a little, and that belongs to the doubt.
        one = copy.deepcopy(tower)
        itself.append(measured(one, one, asked.width))
        same.append(measured(copy.deepcopy(tower), copy.deepcopy(tower), asked.width))
        planted.append(measured(copy.deepcopy(tower), copy.deepcopy(taller), asked.width))
    true = asked.layers / (asked.layers + 1)
    print(
        json.dumps(
            {
                "threads": torch.get_num_threads(),
                "runs": asked.runs,
                "itself": {name: _rates(runs, 1.0) for name, runs in _kinds(itself)},
                "same": {name: _rates(runs, 1.0) for name, runs in _kinds(same)},
                "planted": {name: _rates(runs, true) for name, runs in _kinds(planted)},
                "pairing": pairing(copy.deepcopy(tower), copy.deepcopy(tower), asked.width, asked.runs),
                "coverage": [coverage(pairs, variation) for pairs in SIZES for variation in VARIATIONS],
                "seconds": round(time.perf_counter() - started, 1),
            },
            indent=1,
        )
    )


def subject(baseline: nn.Module, candidate: nn.Module, width: int) -> Subject:
    """Both on the CPU, with items as wide as they are."""
    return Subject(
        candidate=candidate,
        baseline=baseline,
        task=Classification(),
        example=lambda items: Batch(torch.ones(items * 64, width), torch.zeros(items * 64, dtype=torch.int64)),
        device="cpu",
    )


def measured(baseline: nn.Module, candidate: nn.Module, width: int) -> Run:
    """One latency as a study measures it, without measuring again."""
    pair, clock = subject(baseline, candidate, width), IdleClock("cpu")
    found: tuple[Measurement, ...] = collected(lambda: Latency().collect(pair, clock), "cpu", remeasure=0)
    ratio = speedup(found[0])
    if ratio is None:
        raise SystemExit(f"no speed-up: {found[0].reason}")
    return Run(ratio, found[0].quality)


def _kinds(runs: list[Run]) -> tuple[tuple[str, list[Run]], ...]:
    return ("all", runs), ("not marked", [run for run in runs if run.quality == "ok"])


def _rates(runs: list[Run], true: float) -> dict[str, Any]:
    ratios = [run.found.value for run in runs]
    widths = [run.found.interval.high - run.found.interval.low for run in runs if run.found.interval]
    return {
        "runs": len(runs),
        "true ratio": round(true, 4),
        "holds the true ratio": _share(sum(run.holds(true) for run in runs), len(runs)),
        "lies below 1": _share(sum(run.lies_below(1.0) for run in runs), len(runs)),
        "median ratio": round(statistics.median(ratios), 4) if ratios else None,
        "sd of ratios": round(statistics.stdev(ratios), 4) if len(ratios) > 1 else None,
        "median width": round(statistics.median(widths), 4) if widths else None,
    }


def _share(hits: int, of: int) -> dict[str, Any]:
    interval = wilson(hits, of)
    return {"share": round(hits / of, 3) if of else None, "wilson": [round(interval.low, 3), round(interval.high, 3)]}


def pairing(one: nn.Module, other: nn.Module, width: int, runs: int, steps: int = 60) -> dict[str, Any]:
    """Estimates of a ratio that is 1, from as many steps: pairs in turn, medians of two blocks, their minima."""
    found: dict[str, list[float]] = {"in turn": [], "blocks, medians": [], "blocks, minima": []}
    inputs = torch.ones(64, width)
    with torch.inference_mode():
        for _ in range(runs):
            pairs = [(_seconds(one, inputs), _seconds(other, inputs)) for _ in range(steps)]
            found["in turn"].append(statistics.median(b / a for a, b in pairs))
            first = [_seconds(one, inputs) for _ in range(steps)]
            second = [_seconds(other, inputs) for _ in range(steps)]
            found["blocks, medians"].append(statistics.median(second) / statistics.median(first))
            found["blocks, minima"].append(min(second) / min(first))
    return {
        name: {
            "sd": round(statistics.stdev(ratios), 4),
            "range": round(max(ratios) - min(ratios), 4),
            "median": round(statistics.median(ratios), 4),
        }
        for name, ratios in found.items()
    }


def _seconds(net: nn.Module, inputs: torch.Tensor) -> float:
    started = time.perf_counter()
    net(inputs)
    return time.perf_counter() - started


def coverage(pairs: int, variation: float, true: float = 0.95) -> dict[str, Any]:
    """How often the interval of a speed-up holds the true one, where times are lognormal with this variation."""
    random = np.random.default_rng(20_000 + pairs)
    spread = math.sqrt(math.log1p(variation**2))
    hits = 0
    for _ in range(SIMULATED):
        baseline, candidate = random.lognormal(0.0, spread, (2, pairs))
        found = speedup(_simulated(tuple(candidate / true), tuple(baseline)))
        hits += found is not None and found.interval is not None and found.interval.low <= true <= found.interval.high
    return {"pairs": pairs, "variation": variation, **_share(hits, SIMULATED)}


def _simulated(candidate: tuple[float, ...], baseline: tuple[float, ...]) -> Measurement:
    return Measurement(
        metric="latency_s",
        unit="s",
        better="lower",
        kind="noisy",
        value=statistics.median(candidate),
        samples=candidate,
        baseline_samples=baseline,
        rounds=tuple(range(len(candidate))),
    )


if __name__ == "__main__":
    main()
