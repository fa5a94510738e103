"""Every set of every size, against enumeration and against every set run by itself."""

from __future__ import annotations

import itertools
import math
import statistics
from typing import Any

import numpy as np
import pytest
from score_tables import UNITS, SetTable, UnitTable
from score_tables import scoring_of as table_scoring
from torch import nn
from walks import batches_of, names, scoring_of, subsets

from harness.criteria.base import Scoring, SetCriterion, SetScore
from harness.criteria.divergence import Divergence
from harness.criteria.entropy import Entropy
from harness.errors import SpecError
from harness.searches.cheapest import ROUNDED, cheapest_set
from harness.searches.exhaustive import Exhaustive
from harness.searches.set_scores import Means, all_scores, scores_of

TARGETS = ["attention", "mlp", "block", "joint"]


def drawn(seed: int) -> SetTable:
    """An independent score for every set of eight units."""
    every = [frozenset(c) for size in range(9) for c in itertools.combinations(range(8), size)]
    scores = dict(zip(every, np.random.default_rng(seed).random(len(every)), strict=True))
    return SetTable(table=lambda depths: float(scores[depths]))


@pytest.mark.parametrize("seed", range(3))
def test_the_best_of_each_size_is_found(seed: int) -> None:
    criterion = drawn(seed)
    found = Exhaustive().select(criterion, table_scoring())
    for count in range(1, 8):
        best = min(itertools.combinations(range(8), count), key=lambda depths: criterion.table(frozenset(depths)))
        assert found.at(count) == tuple(UNITS[depth].name for depth in best)


def test_a_step_tells_the_scores_of_all_sets_of_its_size() -> None:
    criterion = drawn(0)
    info = Exhaustive(up_to=3).select(criterion, table_scoring()).info
    scores = [criterion.table(frozenset(depths)) for depths in itertools.combinations(range(8), 3)]
    step: Any = info.steps[2]
    assert (step["count"], step["sets"], len(step["set"])) == (3, 56, 3)
    assert step["score"] == step["lowest"] == min(scores)
    assert step["highest"] == max(scores)
    assert step["mean"] == pytest.approx(statistics.fmean(scores))
    assert step["spread"] == pytest.approx(np.std(scores))
    assert info.scores == {unit.name: criterion.table(frozenset({unit.depth})) for unit in UNITS}


def test_it_is_not_nested_and_has_no_order() -> None:
    found = Exhaustive(up_to=2).select(drawn(1), table_scoring())
    assert (found.info.nested, found.info.order, Exhaustive.is_nested) == (False, None, False)
    assert found.info.evaluations == 8 + 28


def test_a_size_beyond_the_largest_is_no_set() -> None:
    search = Exhaustive(up_to=2)
    found = search.select(drawn(1), table_scoring())
    assert search.largest_count == 2
    with pytest.raises(SpecError, match="search exhaustive found no set of 3 units; it has sets of: 1, 2"):
        found.at(3)


def test_the_set_of_all_units_is_never_one() -> None:
    assert sorted(Exhaustive(up_to=8).select(drawn(1), table_scoring()).sets) == list(range(1, 8))


@pytest.mark.parametrize("target", TARGETS)
def test_scores_are_those_of_each_set_by_itself(tiny_net: nn.Module, target: str) -> None:
    scoring = scoring_of(tiny_net, batches_of(4, 3), target)
    alone = Entropy().set_score(scoring)
    most = len(scoring.units) - 1
    expected = {names(gone): alone(gone) for gone in subsets(scoring.units, 1, most)}
    assert all_scores(Entropy(), scoring, most, Means()) == expected
    assert scores_of(Entropy(), scoring, subsets(scoring.units, 1, 1)) == {
        k: v for k, v in expected.items() if not k[1:]
    }


class Own(Divergence):
    """A set criterion that runs its sets itself."""

    def set_score(self, scoring: Scoring) -> SetScore:
        return super().set_score(scoring)


Own.name = "own"


@pytest.mark.parametrize("criterion", [Divergence(), Own()], ids=["shared", "by itself"])
def test_a_criterion_that_runs_its_sets_itself_gives_the_same(tiny_net: nn.Module, criterion: SetCriterion) -> None:
    scoring = scoring_of(tiny_net, batches_of(4, 3))
    found, expected = Exhaustive().select(criterion, scoring), Exhaustive().select(Divergence(), scoring)
    assert (found.sets, found.info.steps) == (expected.sets, expected.info.steps)


def test_a_criterion_that_runs_its_sets_itself_takes_no_shortcut(tiny_net: nn.Module) -> None:
    with pytest.raises(SpecError, match="class_token_only: criterion 'own' runs its sets itself"):
        Exhaustive(class_token_only=True).select(Own(), scoring_of(tiny_net, batches_of(4)))


def test_the_shortcut_finds_the_same_sets(tiny_net: nn.Module) -> None:
    scoring = scoring_of(tiny_net, batches_of(8, 8), "joint")
    short, long = (Exhaustive(class_token_only=short).select(Entropy(), scoring) for short in (True, False))
    for one, other in zip(short.info.steps, long.info.steps, strict=True):
        assert one["score"] == pytest.approx(other["score"], abs=1e-3)


def test_ties_go_to_the_set_that_comes_first_and_are_told() -> None:
    criterion = SetTable(table=lambda depths: float(depths not in ({1, 7}, {2, 3}, {1, 6})))
    found = Exhaustive(up_to=2).select(criterion, table_scoring())
    assert found.at(2) == ("blocks.1.attn", "blocks.6.attn")
    assert found.info.ties[-1] == (
        "blocks.1.attn + blocks.6.attn",
        "blocks.1.attn + blocks.7.attn",
        "blocks.2.attn + blocks.3.attn",
    )


def test_with_the_shortcut_what_rounding_may_turn_is_a_tie(tiny_net: nn.Module) -> None:
    a, b, _ = scoring_of(tiny_net, []).units
    scores: dict[tuple[str, ...], float] = {(b.name,): 0.5, (a.name,): 0.5 + 0.9 * ROUNDED}
    assert cheapest_set(scores, (a, b), ROUNDED) == ((a.name,), ((a.name,), (b.name,)))
    assert cheapest_set(scores, (a, b))[0] == (b.name,)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"limit": 100},
            r"8 units have 254 sets of 1 to 7, and the limit is 100; "
            r"for counts up to 3 'up_to: 3' would do \(92 sets\), else 'limit: 254'",
        ),
        (
            {"limit": 12, "up_to": 3},
            r"92 sets of 1 to 3, and the limit is 12; "
            r"for counts up to 1 'up_to: 1' would do \(8 sets\), else 'limit: 92'",
        ),
        ({"limit": 7, "up_to": 3}, "92 sets of 1 to 3, and the limit is 7; 'limit: 92'"),
    ],
)
def test_more_sets_than_the_limit_are_refused(options: dict[str, int], words: str) -> None:
    assert Exhaustive(**options).fault(8)
    assert not Exhaustive(**options).fault(3)
    with pytest.raises(SpecError, match=words):
        Exhaustive(**options).select(drawn(0), table_scoring())


def test_the_limit_lets_all_sets_of_twelve_units_through() -> None:
    assert sum(math.comb(12, count) for count in range(1, 12)) <= Exhaustive().limit < 2**13


def test_a_criterion_of_units_is_refused() -> None:
    with pytest.raises(SpecError, match="search exhaustive: criterion 'unit_table' scores units, not sets"):
        Exhaustive().select(UnitTable(table=(1.0,) * 8), table_scoring())


def test_a_score_that_is_not_finite_is_an_error_that_names_the_set() -> None:
    criterion = SetTable(table=lambda depths: float("nan") if depths == {2, 5} else 0.0)
    with pytest.raises(ArithmeticError, match=r"the score of blocks\.2\.attn, blocks\.5\.attn is nan"):
        Exhaustive(up_to=2).select(criterion, table_scoring())
