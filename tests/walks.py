"""What tests of shared prefixes and of searches walk over: real units under real removal, and the brute force."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from itertools import chain, combinations
from typing import Any

import torch
from torch import Tensor, nn

from harness.criteria.base import Scoring
from harness.families.base import Unit, units
from harness.families.catalogue import family_of
from harness.prefixes import Walker
from harness.surgery import removed
from harness.tasks.base import Batch
from harness.tasks.classification import Classification

Units = tuple[Unit, ...]
Reads = dict[tuple[str, ...], list[Tensor]]


def scoring_of(net: nn.Module, batches: Sequence[Batch], target: str = "attention", removal: str = "skip") -> Scoring:
    """Everything a search may look at."""

    def without(gone: Units) -> AbstractContextManager[None]:
        return removed(net, [s for unit in gone for s in unit.sublayers], removal)

    found = units(family_of(net).sublayers(net), target)
    return Scoring(net, Classification(), found, tuple(batches), without, removal, seed=0)


def walker_over(scoring: Scoring, read: Callable[[Batch], Tensor] | None = None, **options: Any) -> Walker:
    """A walker over a scoring that reads the network's outputs, without a word."""
    run = read or (lambda batch: scoring.task.forward(scoring.net, batch))
    return Walker(scoring.net, run, scoring.without, scoring.batches, scoring.units, **options)


def alone(scoring: Scoring, sets: Sequence[Units], read: Callable[[Batch], Tensor] | None = None) -> Reads:
    """The brute force: every set by itself, in the order of `sets`."""
    run = read or (lambda batch: scoring.task.forward(scoring.net, batch))
    found: Reads = {}
    with torch.inference_mode():
        for gone in sets:
            with scoring.without(gone):
                found[names(gone)] = [run(batch) for batch in scoring.batches]
    return found


class Noted:
    """Keeps what a walker shows, and insists that the batches of a set come in order."""

    def __init__(self) -> None:
        self.reads: Reads = {}

    def __call__(self, gone: Units, index: int, read: Tensor) -> None:
        kept = self.reads.setdefault(names(gone), [])
        assert len(kept) == index, "a batch out of order, or a set twice"
        kept.append(read.clone())


def subsets(units: Units, smallest: int = 0, up_to: int | None = None) -> list[Units]:
    """All sets of these sizes, the smallest first."""
    sizes = range(smallest, (len(units) if up_to is None else up_to) + 1)
    return list(chain.from_iterable(combinations(units, size) for size in sizes))


def names(gone: Units) -> tuple[str, ...]:
    """What a set is called by."""
    return tuple(unit.name for unit in gone)


def batches_of(*sizes: int, channels: int = 1, side: int = 8) -> list[Batch]:
    """Seeded items in batches of these sizes."""
    generator = torch.Generator().manual_seed(5)
    return [
        Batch(torch.randn(size, channels, side, side, generator=generator), torch.arange(size) % 10) for size in sizes
    ]


def assert_equal(found: Reads, expected: Reads) -> None:
    """The same sets, and of each the same bits."""
    assert found.keys() == expected.keys()
    for gone, reads in expected.items():
        assert len(found[gone]) == len(reads)
        assert all(torch.equal(a, b) for a, b in zip(found[gone], reads, strict=True)), gone
