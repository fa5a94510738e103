"""How sure a selection is: the same search on other calibration items."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from harness.criteria.base import Criterion, Scoring
from harness.errors import Problem, SpecError
from harness.schema import Json, digest
from harness.searches.base import Search, Selection
from harness.tasks.base import Batch

Array = npt.NDArray[np.float64]
INTERVAL = (2.5, 97.5)  # percentiles over the subsets
FLIPS = 0.05  # share of subsets in which two neighbours may change places and still be told apart


def stability(
    criterion: Criterion, search: Search, scoring: Scoring, subsets: int, sizes: Sequence[int] = (), top: int = 0
) -> dict[str, Json] | None:
    """Searches again on `subsets` seeded subsets of each size; None for a criterion that reads no calibration items.

    Empty `sizes` is half of the items; `top` 0 is half of the units. The subsets of a size are disjoint where there
    are items enough, else each is drawn by itself, without replacement. For each size: the mean of Kendall's tau-b
    between the ranking of all items and that of a subset, its 2.5 and 97.5 percentiles, and the mean share of the `top`
    units removed that are the same. Scores (mean), and ranks from 1, with those percentiles, are of the largest size;
    equal units share the mean of their ranks.

    A unit's place is unsettled where its rank's interval holds ranks on both sides of `top`, or where in more than
    5 % of the subsets it does not stand on the same side of a unit that is next to it in the ranking of all items
    (two that are equal there have no order to keep).
    """
    if not criterion.needs_calibration:
        return None
    top = top or len(scoring.units) // 2
    whole = _Ranked(search.select(criterion, scoring), scoring, top)
    found = {
        size: [
            _Ranked(search.select(criterion, replace(scoring, batches=batches)), scoring, top)
            for batches in _subsets(scoring, subsets, size)
        ]
        for size in _checked(sizes, sum(map(len, scoring.batches)))
    }
    largest = found[max(found)]
    return {
        "subsets": subsets,
        "top": top,
        "sizes": {str(size): _agreement(whole, others) for size, others in found.items()},
        "scores": {name: _mean_and_ends(values) for name, values in _by_unit(largest, "scores", scoring)},
        "ranks": {name: _ends(values) for name, values in _by_unit(largest, "ranks", scoring)},
        "unsettled": _unsettled(whole, largest, scoring, top),
    }


def _checked(sizes: Sequence[int], items: int) -> list[int]:
    for size in sizes:
        if not 2 <= size < items:
            message = f"a subset of {size} calibration items; there are {items}, so from 2 to {items - 1}"
            raise SpecError(Problem("stability.sizes", message))
    return sorted(set(sizes)) or [max(items // 2, 2)]


class _Ranked:
    """A selection as numbers, unit by unit in their order: places (the lower goes first), ranks, scores, the top set.

    One shot ranks by score. What depends on what went before is ranked by how many of the sets hold it: that is the
    order of removal where there is one, and defined where sets are not nested.
    """

    def __init__(self, selection: Selection, scoring: Scoring, top: int) -> None:
        from scipy.stats import rankdata

        names = [unit.name for unit in scoring.units]
        given = selection.info.scores
        self.scores: Array = np.array([given[name] for name in names]) if given else np.empty(0)
        if selection.info.search == "one_shot":
            self.places = self.scores
        else:
            self.places = np.array([-float(sum(name in s for s in selection.sets.values())) for name in names])
        self.ranks: Array = rankdata(self.places)
        self.top = frozenset(selection.sets.get(top, ()))


def _subsets(scoring: Scoring, subsets: int, size: int) -> Iterator[tuple[Batch, ...]]:
    items = sum(map(len, scoring.batches))
    # RandomState, because its stream is frozen for ever; a Generator's may change with numpy.
    random = np.random.RandomState(int(digest([scoring.seed, subsets, size], 8), 16))
    order = random.permutation(items)
    for number in range(subsets):
        if subsets * size > items:
            order = random.permutation(items)
        start = number * size if subsets * size <= items else 0
        yield _of(scoring.batches, np.sort(order[start : start + size]))


def _of(batches: Sequence[Batch], chosen: npt.NDArray[np.int64]) -> tuple[Batch, ...]:
    """These items in their old order, in batches as large as the given ones."""
    import torch

    starts = np.cumsum([0, *map(len, batches)])
    held = [torch.from_numpy(chosen[(chosen >= a) & (chosen < b)] - a) for a, b in pairwise(starts)]
    if len({(batch.inputs.shape[1:], batch.mask is None) for batch in batches}) > 1 or batches[0].mask is not None:
        return tuple(batch.at(rows) for batch, rows in zip(batches, held, strict=True) if len(rows))
    inputs = torch.cat([batch.inputs[rows] for batch, rows in zip(batches, held, strict=True)])
    targets = torch.cat([batch.targets[rows] for batch, rows in zip(batches, held, strict=True)])
    most = max(map(len, batches))
    return tuple(Batch(*pair) for pair in zip(torch.split(inputs, most), torch.split(targets, most), strict=True))


def _agreement(whole: _Ranked, others: Sequence[_Ranked]) -> dict[str, Json]:
    taus = np.array([_tau(whole.places, other.places) for other in others])
    shared = [len(whole.top & other.top) / len(whole.top) for other in others] if whole.top else []
    ends = _ends(taus)
    return {"tau": float(taus.mean()), **ends, "overlap": float(np.mean(shared)) if shared else None}


def _tau(a: Array, b: Array) -> float:
    """Kendall's tau-b; 0 where one side ranks nothing, for then they agree in nothing."""
    from harness.rankings import tau

    return tau(a.tolist(), b.tolist()) or 0.0


def _by_unit(others: Sequence[_Ranked], what: str, scoring: Scoring) -> Iterator[tuple[str, Array]]:
    table = np.array([getattr(other, what) for other in others])
    if table.size:
        yield from ((unit.name, table[:, index]) for index, unit in enumerate(scoring.units))


def _ends(values: Array) -> dict[str, Json]:
    low, high = np.percentile(values, INTERVAL)
    return {"low": float(low), "high": float(high)}


def _mean_and_ends(values: Array) -> dict[str, Json]:
    return {"mean": float(values.mean()), **_ends(values)}


def _unsettled(whole: _Ranked, others: Sequence[_Ranked], scoring: Scoring, top: int) -> list[Json]:
    ranks = np.array([other.ranks for other in others])
    low, high = np.percentile(ranks, INTERVAL, axis=0)
    is_unsettled = (low < top + 0.5) & (high > top + 0.5)
    order = np.argsort(whole.places, kind="stable")
    for first, second in pairwise(order):
        kept = whole.places[first] < whole.places[second]
        same = [kept and other.places[first] < other.places[second] for other in others]
        if 1 - np.mean(same) > FLIPS:
            is_unsettled[[first, second]] = True
    return [unit.name for unit, flag in zip(scoring.units, is_unsettled, strict=True) if flag]
