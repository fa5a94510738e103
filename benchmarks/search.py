"""How much passes share in a search over sets: greedy and exhaustive against every set run by itself.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/search.py [--items 16] [--micro-batch 8]

On deit_tiny_patch16_224 with random weights, in CPU time, shared passes and brute force in turn, these on a copy of
the network. Greedy takes 6 of 12 attentions. Exhaustive goes once through all 2,510 sets of at most 6, with the first
micro-batch; brute force of a random sample of them runs in between and is scaled by MACs. `bound` is the ratio of MACs,
for greedy that of the picks that were made; over the tenths of a walk, seconds per MAC that ran are compared. Every
value is compared. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import comb
from typing import Any, TypeVar

import timm
import torch
from torch import nn

from harness.criteria.base import Scoring
from harness.criteria.entropy import Entropy
from harness.families.base import Unit, units
from harness.families.catalogue import family_of
from harness.searches.cheapest import ROUNDED
from harness.searches.growth import growth_of
from harness.searches.path import Path
from harness.searches.set_scores import Gathered, Means, walker_of
from harness.surgery import removed
from harness.tasks.base import Batch
from harness.tasks.classification import Classification

T = TypeVar("T")
BLOCKS, TOKENS, WIDTH, LARGEST = 12, 197, 192, 6

# MACs for one item; the attention's two products, and for the last block's class token keys and values of all tokens.
EMBEDDING, HEAD = 28_901_376, 192 * 1000
ATTENTION = 4 * TOKENS * WIDTH**2 + 2 * TOKENS**2 * WIDTH
MLP = 8 * TOKENS * WIDTH**2
SHORT_ATTENTION = 2 * TOKENS * WIDTH**2 + 2 * WIDTH**2 + 2 * TOKENS * WIDTH
SHORT_MLP = 8 * WIDTH**2


@dataclass
class Clock:
    """CPU seconds of one side."""

    spent_s: float = 0.0

    def of(self, work: Callable[[], T]) -> T:
        started = time.process_time()
        found = work()
        self.spent_s += time.process_time() - started
        return found


@dataclass
class Tenth:
    """A tenth of a walk: CPU seconds and MACs of both sides, those of the walk from its beginning."""

    brute: Clock = field(default_factory=Clock)
    brute_macs: int = 0
    ended_s: float = 0.0
    ended_macs: int = 0

    def end(self) -> tuple[float, int]:
        return self.ended_s, self.ended_macs

    def rate(self, began_s: float, began_macs: int) -> float:
        """CPU seconds a MAC by brute force over those of the walk: the share of the bound."""
        walked = (self.ended_s - began_s) / (self.ended_macs - began_macs)
        return self.brute.spent_s / self.brute_macs / walked


class Ran:
    """Counts, within it, how many attentions and MLPs of a network really run, the last block's apart."""

    def __init__(self, net: Any) -> None:
        self._parts = [(block.attn.proj, block.mlp.fc1) for block in net.blocks]
        self._runs = [[0, 0] for _ in self._parts]
        self._hooks: list[Any] = []

    def __enter__(self) -> None:
        for parts, runs in zip(self._parts, self._runs, strict=True):
            for which, part in enumerate(parts):
                self._hooks.append(part.register_forward_pre_hook(partial(_count, runs, which)))

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def macs(self, short: bool) -> int:
        """Of one item's passes through blocks so far."""
        costs = [(ATTENTION, MLP)] * (BLOCKS - 1) + [(SHORT_ATTENTION, SHORT_MLP) if short else (ATTENTION, MLP)]
        return sum(a * runs[0] + m * runs[1] for (a, m), runs in zip(costs, self._runs, strict=True))


def _count(runs: list[int], which: int, _: nn.Module, __: Any) -> None:
    runs[which] += 1


def scoring_of(net: nn.Module, batches: Sequence[Batch]) -> Scoring:
    """Attention sublayers under `skip`."""
    found = units(family_of(net).sublayers(net), "attention")

    def without(gone: tuple[Unit, ...]) -> Any:
        return removed(net, [s for unit in gone for s in unit.sublayers], "skip")

    return Scoring(net, Classification(), found, tuple(batches), without, "skip", 0)


def block_macs(depth: int, *, is_gone: bool, short: bool) -> int:
    """Of one block with or without its attention."""
    attention, mlp = (SHORT_ATTENTION, SHORT_MLP) if short and depth == BLOCKS - 1 else (ATTENTION, MLP)
    return mlp if is_gone else attention + mlp


def alone_macs(count: int) -> int:
    """Of the network without some of its attentions."""
    return EMBEDDING + HEAD + BLOCKS * (ATTENTION + MLP) - count * ATTENTION


def grown_macs(picks: Sequence[int], *, short: bool) -> int:
    """Of a shared greedy search: the whole network, then each candidate from its own block on."""
    whole = sum(block_macs(depth, is_gone=False, short=short) for depth in range(BLOCKS))
    total = EMBEDDING + HEAD + whole
    for step in range(len(picks)):
        gone = set(picks[:step])
        for candidate in set(range(BLOCKS)) - gone:
            lost = gone | {candidate}
            total += HEAD + sum(block_macs(d, is_gone=d in lost, short=short) for d in range(candidate, BLOCKS))
    return total


def walked_macs(*, short: bool) -> int:
    """Of all sets of at most the largest, depth first: one block for each beginning of a set."""
    total = EMBEDDING + HEAD * sum(comb(BLOCKS, count) for count in range(LARGEST + 1))
    for depth in range(BLOCKS):
        for before in range(min(LARGEST, depth) + 1):
            total += comb(depth, before) * block_macs(depth, is_gone=False, short=short)
            if before < LARGEST:
                total += comb(depth, before) * block_macs(depth, is_gone=True, short=short)
    return total


def greedy(net: nn.Module, twin: nn.Module, batches: Sequence[Batch], *, short: bool) -> dict[str, Any]:
    """One search, each step on both sides; `short` computes the last block for the class token alone."""
    criterion, scoring, reference = Entropy(), scoring_of(net, batches), scoring_of(twin, batches)
    shared, brute = Clock(), Clock()
    tolerance = ROUNDED if short else 0.0
    path, places = Path(list(scoring.units), tolerance), {unit.name: i for i, unit in enumerate(scoring.units)}
    growth = shared.of(lambda: growth_of(criterion, scoring, Means(short), tolerance=tolerance))
    score = brute.of(lambda: criterion.set_score(reference))
    apart, sets = 0.0, 0
    while path.goes_on(LARGEST):
        found = shared.of(lambda: growth.scores(path.left))
        chosen = tuple(path.chosen)
        alone = brute.of(lambda: {unit.name: score((*chosen, unit)) for unit in path.left})  # noqa: B023  # called at once
        apart = max(apart, *(abs(found[name] - alone[name]) for name in found))
        sets += len(found)
        unit = path.take(found)
        shared.of(lambda: growth.accept(unit))  # noqa: B023  # called at once
    picks = [places[unit.name] for unit in path.chosen]
    alone_total = alone_macs(0) + sum((BLOCKS - step) * alone_macs(step + 1) for step in range(LARGEST))
    bound = alone_total / grown_macs(picks, short=short)
    return _compared(brute.spent_s / shared.spent_s, bound) | {
        "picks": picks,
        "sets": sets,
        "largest_difference": apart,
    }


def exhaustive(
    net: nn.Module, twin: nn.Module, batches: Sequence[Batch], *, short: bool, sample: int
) -> dict[str, Any]:
    """One walk through all sets; brute force of a few, drawn from each part of the walk, in between."""
    criterion, scoring, reference = Entropy(), scoring_of(net, batches), scoring_of(twin, batches)
    counts = {count: comb(BLOCKS, count) for count in range(LARGEST + 1)}
    number = sum(counts.values())
    step = number // sample
    drawn = {random.Random(start).randrange(start, min(start + step, number)) for start in range(0, number, step)}
    score = criterion.set_score(reference)
    shared = Clock()
    walker = shared.of(lambda: walker_of(criterion, scoring, Means(short)))
    gathered = Gathered(scoring, criterion.tallies(scoring, shared.of(walker.untouched)))
    ran, tenths = Ran(net), [Tenth() for _ in range(10)]
    apart, at = 0.0, 0

    def seen(gone: tuple[Unit, ...], index: int, read: torch.Tensor) -> None:
        nonlocal apart, at
        gathered.seen(gone, index, read)
        tenth, at = tenths[10 * at // number], at + 1
        tenth.ended_s, tenth.ended_macs = (
            time.process_time() - sum(one.brute.spent_s for one in tenths),
            ran.macs(short),
        )
        if at - 1 in drawn:
            alone = tenth.brute.of(lambda: score(gone))
            tenth.brute_macs += alone_macs(len(gone))
            apart = max(apart, abs(alone - gathered.scores[tuple(unit.name for unit in gone)]))

    with ran:
        began_s = time.process_time()
        walker.every(LARGEST, seen)
    spent_s = time.process_time() - began_s - sum(one.brute.spent_s for one in tenths)
    alone_total = sum(many * alone_macs(count) for count, many in counts.items())
    brute_s = sum(one.brute.spent_s for one in tenths) / sum(one.brute_macs for one in tenths) * alone_total
    found = _compared(brute_s / (spent_s + shared.spent_s), alone_total / walked_macs(short=short))
    rates = [one.rate(*before) for one, before in zip(tenths, [(began_s, 0), *map(Tenth.end, tenths)], strict=False)]
    return found | {
        "of_bound_quartiles_over_tenths": [round(edge, 3) for edge in statistics.quantiles(rates, n=4)],
        "sets": at,
        "sampled": len(drawn),
        "largest_difference": apart,
        "block_evaluations": round(walker.block_evaluations),
        "alone": BLOCKS * at,
        "shared_s": round(spent_s, 1),
    }


def _compared(ratio: float, bound: float) -> dict[str, Any]:
    return {"ratio": round(ratio, 3), "bound": round(bound, 3), "of_bound": round(ratio / bound, 3)}


def main() -> None:
    """Prints ratios, bounds, and how far values were apart."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--items", type=int, default=16)
    parser.add_argument("--micro-batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--sample", type=int, default=120)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    net = timm.create_model("deit_tiny_patch16_224").eval()
    inputs = torch.randn(asked.items, 3, 224, 224)
    batches = [
        Batch(part, torch.zeros(len(part), dtype=torch.int64)) for part in torch.split(inputs, asked.micro_batch)
    ]
    twin = copy.deepcopy(net)
    started = time.perf_counter()
    found: dict[str, Any] = {"items": asked.items, "micro_batch": asked.micro_batch, "torch": torch.__version__}
    found["greedy"] = [greedy(net, twin, batches, short=False) for _ in range(asked.rounds)]
    found["greedy_class_token_only"] = [greedy(net, twin, batches, short=True)]
    found["exhaustive"] = exhaustive(net, twin, batches[:1], short=False, sample=asked.sample)
    found["exhaustive_class_token_only"] = exhaustive(net, twin, batches[:1], short=True, sample=asked.sample)
    found["wall_s"] = round(time.perf_counter() - started)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
