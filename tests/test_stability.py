"""Stability against planted scores: what is certain is settled, what is noise is not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from harness.criteria.base import Criterion, Scoring, UnitCriterion, criteria
from harness.errors import SpecError
from harness.families.base import Unit, units
from harness.families.catalogue import family_of
from harness.records import SelectionInfo
from harness.searches.base import Search, Selection, searches
from harness.searches.one_shot import OneShot
from harness.stability import stability
from harness.surgery import removed
from harness.tasks.base import Batch
from harness.tasks.classification import Classification

ITEMS, BATCH = 90, 20


class Means(UnitCriterion):
    """A unit's score is the mean, over the items, of its column of the inputs."""

    def scores(self, scoring: Scoring) -> Mapping[str, float]:
        seen = torch.cat([batch.inputs for batch in scoring.batches])
        return {unit.name: float(seen[:, unit.depth].mean()) for unit in scoring.units}


Means.name = "means"


class Watched(Means):
    """Also keeps the numbers of the items that each scoring saw: they are the targets."""

    heard: Callable[[Any], None]

    def scores(self, scoring: Scoring) -> Mapping[str, float]:
        self.heard([batch.targets.tolist() for batch in scoring.batches])
        return super().scores(scoring)


Watched.name = "watched"


def scoring_of(columns: Any, seed: int = 0) -> Scoring:
    """Units with one column of numbers each, one number an item."""
    table = torch.from_numpy(np.stack(columns, axis=1))
    units = tuple(Unit(f"blocks.{depth}.attn", "attention", depth, ()) for depth in range(table.shape[1]))
    batches = zip(torch.split(table, BATCH), torch.split(torch.arange(len(table)), BATCH), strict=True)
    held = tuple(Batch(*pair) for pair in batches)
    return Scoring(nn.Identity(), Classification(), units, held, lambda _: nullcontext(), "skip", seed)


def constant(*values: float) -> list[Any]:
    return [np.full(ITEMS, float(value)) for value in values]


def found_of(columns: Any, subsets: int = 10, sizes: tuple[int, ...] = (30,), **options: Any) -> Any:
    return stability(Means(), OneShot(), scoring_of(columns), subsets, sizes, **options)


def test_scores_without_noise_are_settled() -> None:
    found = found_of(constant(4, 1, 3, 2))
    assert found["sizes"] == {"30": {"tau": 1.0, "low": 1.0, "high": 1.0, "overlap": 1.0}}
    assert found["unsettled"] == []
    assert found["ranks"]["blocks.1.attn"] == {"low": 1.0, "high": 1.0}
    assert found["scores"]["blocks.0.attn"] == {"mean": 4.0, "low": 4.0, "high": 4.0}
    assert (found["subsets"], found["top"]) == (10, 2)


def test_two_units_that_differ_by_less_than_their_noise_are_unsettled_and_the_others_are_not() -> None:
    noise = np.random.RandomState(0).randn(2, ITEMS)
    found = found_of([*constant(-9, -8), 0.001 + noise[0], noise[1], *constant(8, 9)])
    assert found["unsettled"] == ["blocks.2.attn", "blocks.3.attn"]
    assert 0 < found["sizes"]["30"]["tau"] < 1
    # Of 15 pairs one can turn: tau is 1 or 13/15, and a percentile lies between.
    assert 13 / 15 <= found["sizes"]["30"]["low"] < 1


def test_units_that_only_trade_places_far_from_the_cut_cross_no_cut_but_flip() -> None:
    noise = np.random.RandomState(0).randn(2, ITEMS)
    columns = [*constant(-9, -8, -7), noise[0], noise[1], *constant(9)]
    assert found_of(columns, top=2)["unsettled"] == ["blocks.3.attn", "blocks.4.attn"]
    assert found_of(columns, top=2)["sizes"]["30"]["overlap"] == 1.0
    assert found_of(columns, top=4)["sizes"]["30"]["overlap"] < 1.0


def test_one_flip_of_forty_is_tolerated_and_three_are_not() -> None:
    def flipping(times: int) -> Any:
        """Two units, 80 items, 40 disjoint pairs of items; in `times` of the pairs the order is turned."""
        scoring = scoring_of([np.zeros(80), np.ones(80), np.full(80, 5.0)])
        subsets: list[Any] = []
        stability(Watched(heard=subsets.append), OneShot(), scoring, 40, (2,))
        second = np.ones(80)
        for batches in subsets[1 : 1 + times]:
            second[[item for batch in batches for item in batch]] = -1
        return stability(Means(), OneShot(), scoring_of([np.zeros(80), second, np.full(80, 5.0)]), 40, (2,), 2)

    assert flipping(1)["unsettled"] == []
    assert flipping(3)["unsettled"] == ["blocks.0.attn", "blocks.1.attn"]


def test_equal_scores_have_no_order_to_keep() -> None:
    found = found_of(constant(1, 1, 1, 1))
    assert found["sizes"]["30"]["tau"] == 0.0
    assert len(found["unsettled"]) == 4
    assert found["ranks"]["blocks.0.attn"] == {"low": 2.5, "high": 2.5}


def test_intervals_are_percentiles_of_the_subsets_of_the_largest_size() -> None:
    values = np.random.RandomState(1).randn(ITEMS)
    subsets: list[Any] = []
    scoring = scoring_of([values, *constant(9)])
    found: Any = stability(Watched(heard=subsets.append), OneShot(), scoring, 3, (10, 30))
    means = [values[np.concatenate(batches)].mean() for batches in subsets[-3:]]
    low, high = np.percentile(means, [2.5, 97.5])
    assert found["scores"]["blocks.0.attn"] == pytest.approx({"mean": np.mean(means), "low": low, "high": high})
    assert list(found["sizes"]) == ["10", "30"]


def items_of(subsets: int, size: int, seed: int = 0) -> list[list[int]]:
    seen: list[Any] = []
    stability(Watched(heard=seen.append), OneShot(), scoring_of(constant(1, 2), seed), subsets, (size,))
    return [[item for batch in batches for item in batch] for batches in seen[1:]]


def test_subsets_are_disjoint_where_there_are_items_enough() -> None:
    found = items_of(3, 30)
    assert sorted(item for items in found for item in items) == list(range(ITEMS))


def test_subsets_that_must_overlap_repeat_no_item_within_themselves() -> None:
    found = items_of(5, 40)
    assert all(len(set(items)) == 40 for items in found)
    assert len({tuple(items) for items in found}) == 5


def test_subsets_depend_on_the_seed_alone() -> None:
    assert items_of(3, 20) == items_of(3, 20)
    assert items_of(3, 20) != items_of(3, 20, seed=1)


def test_subsets_keep_the_size_of_batches() -> None:
    seen: list[Any] = []
    stability(Watched(heard=seen.append), OneShot(), scoring_of(constant(1, 2)), 2, (45,))
    assert [[len(batch) for batch in batches] for batches in seen[1:]] == [[20, 20, 5]] * 2


def test_without_a_size_half_of_the_items_are_taken() -> None:
    assert list(found_of(constant(1, 2), sizes=())["sizes"]) == ["45"]


@pytest.mark.parametrize("size", [90, 200])
def test_a_subset_as_large_as_the_whole_is_refused(size: int) -> None:
    with pytest.raises(SpecError, match=r"stability\.sizes.*from 2 to 89"):
        found_of(constant(1, 2), sizes=(size,))


@pytest.mark.parametrize("name", ["random", "last"])
def test_a_criterion_that_reads_nothing_has_no_stability(name: str) -> None:
    assert stability(criteria.create({"name": name}), OneShot(), scoring_of(constant(1, 2)), 3) is None


class Unnested(Search):
    """The one lowest, then the two that are next: sets that are not nested."""

    is_nested = False

    def select(self, criterion: Criterion, scoring: Scoring) -> Selection:
        order = OneShot().select(criterion, scoring).info.order or ()
        sets = {1: order[:1], 2: order[1:3]}
        return Selection(sets=sets, info=SelectionInfo(search="unnested", nested=False))


Unnested.name = "unnested"


def test_sets_that_are_not_nested_are_ranked_by_how_often_they_hold_a_unit() -> None:
    found: Any = stability(Means(), Unnested(), scoring_of(constant(3, 1, 2, 4)), 3, (30,))
    assert {name: rank["low"] for name, rank in found["ranks"].items()} == {
        "blocks.0.attn": 2.0,
        "blocks.1.attn": 2.0,
        "blocks.2.attn": 2.0,
        "blocks.3.attn": 4.0,
    }
    assert found["sizes"]["30"]["overlap"] == 1.0
    assert found["scores"] == {}


def test_a_greedy_search_is_ranked_by_its_order_of_removal(tiny_net: nn.Module, batch: Batch) -> None:
    attention = units(family_of(tiny_net).sublayers(tiny_net), "attention")
    scoring = Scoring(
        tiny_net,
        Classification(),
        attention,
        (batch,),
        lambda gone: removed(tiny_net, [s for unit in gone for s in unit.sublayers], "skip"),
        "skip",
        0,
    )
    greedy = searches.create({"name": "greedy"})
    entropy = criteria.create({"name": "entropy"})
    order = greedy.select(entropy, scoring).info.order or ()
    found: Any = stability(entropy, greedy, scoring, 4, (12,))
    assert set(found["ranks"]) == set(order)
    assert set(found["scores"]) == set(order)
    assert -1 <= found["sizes"]["12"]["tau"] <= 1
