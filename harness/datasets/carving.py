"""Disjoint parts from given ones: which items of which source, class-stratified and always the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.datasets.base import PARTS
from harness.datasets.splits import Take

SEED = 20_240_229  # of every data set that is carved, never of a study: all studies see the same parts
SLICES = ("test", "validation", "calibration", "train")  # so that a longer train part moves no other


@dataclass(frozen=True)
class Carved:
    """Items of one part: indices into its source, in the order of the part."""

    source: str
    indices: NDArray[np.int64]


def carve(targets: Mapping[str, NDArray[np.int64]], found: Mapping[str, Take]) -> dict[str, Carved]:
    """Every part's items; a part that is the whole of its source keeps its order.

    Otherwise the parts are consecutive slices of the source's stratified order, each balanced like the source.
    """
    parts: dict[str, Carved] = {}
    for source, labels in targets.items():
        users = [part for part in SLICES if part in found and found[part].source == source]
        whole = len(users) == 1 and found[users[0]].items == len(labels)
        order = np.arange(len(labels), dtype=np.int64) if whole else stratified(labels)
        start = 0
        for part in users:
            stop = start + found[part].items
            parts[part] = Carved(source, order[start:stop])
            start = stop
    return {part: parts[part] for part in PARTS if part in parts}


def stratified(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """A fixed permutation of which every slice holds the classes in nearly their own proportions.

    Item j of the n of its class stands at (j + 1/2) / n of the way; equal places fall in random order.
    """
    # RandomState, because its stream is frozen for ever; a Generator's may change with numpy.
    random = np.random.RandomState(SEED)
    shuffled = random.permutation(len(labels))
    drawn = labels[shuffled]
    grouped = np.argsort(drawn, kind="stable")
    counts = np.unique(drawn, return_counts=True)[1]
    rank = np.concatenate([np.arange(count) for count in counts])
    place = np.empty(len(labels), dtype=np.float64)
    place[grouped] = (rank + 0.5) / np.repeat(counts, counts)
    found: NDArray[np.int64] = shuffled[np.lexsort((np.arange(len(labels)), place))].astype(np.int64)
    return found
