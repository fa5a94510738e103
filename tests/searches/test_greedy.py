"""Greedy growth, against its definition by exhaustive enumeration of every set."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from score_tables import UNITS, SetTable, UnitTable, scoring_of

from harness.errors import SpecError
from harness.searches.greedy import Greedy

COUNTS = range(1, len(UNITS))


def every_score(seed: int) -> dict[frozenset[int], float]:
    """An independent score for every one of the 256 sets: nothing but the definition leads to the path."""
    drawn = iter(np.random.default_rng(seed).random(256))
    sizes = range(len(UNITS) + 1)
    sets = itertools.chain.from_iterable(itertools.combinations(range(len(UNITS)), size) for size in sizes)
    return {frozenset(chosen): float(next(drawn)) for chosen in sets}


def defined_path(scores: dict[frozenset[int], float]) -> list[frozenset[int]]:
    """S_1, S_2, ...: of all sets of k + 1 that hold S_k, the one of lowest score."""
    path: list[frozenset[int]] = [frozenset()]
    for count in COUNTS:
        grown = [chosen for chosen in scores if len(chosen) == count and path[-1] < chosen]
        path.append(min(grown, key=lambda chosen: scores[chosen]))
    return path[1:]


@pytest.mark.parametrize("seed", range(5))
def test_the_path_is_the_one_of_the_definition(seed: int) -> None:
    scores = every_score(seed)
    found = Greedy().select(SetTable(table=scores.__getitem__), scoring_of())
    path = [frozenset(int(name.split(".")[1]) for name in found.at(count)) for count in COUNTS]
    assert path == defined_path(scores)


def test_the_value_along_the_path_is_kept() -> None:
    scores = every_score(0)
    steps = Greedy().select(SetTable(table=scores.__getitem__), scoring_of()).info.steps
    assert [step["score"] for step in steps] == [scores[chosen] for chosen in defined_path(scores)]


def test_a_step_holds_the_scores_of_all_its_candidates() -> None:
    scores = every_score(0)
    info = Greedy().select(SetTable(table=scores.__getitem__), scoring_of()).info
    (first,) = defined_path(scores)[0]
    others = [depth for depth in range(8) if depth != first]
    assert info.steps[1]["candidates"] == {UNITS[depth].name: scores[frozenset({first, depth})] for depth in others}
    assert info.scores == info.steps[0]["candidates"]


def test_every_unit_is_in_the_order_once() -> None:
    order = Greedy().select(SetTable(table=every_score(1).__getitem__), scoring_of()).info.order
    assert sorted(order or ()) == sorted(unit.name for unit in UNITS)


def test_each_candidate_of_each_step_is_evaluated_once() -> None:
    asked: list[frozenset[int]] = []

    def score(depths: frozenset[int]) -> float:
        asked.append(depths)
        return float(sum(depths))

    found = Greedy().select(SetTable(table=score), scoring_of())
    assert len(asked) == len(set(asked)) == found.info.evaluations == 8 * 9 // 2 - 1


def test_ties_go_to_the_lowest_depth_and_are_told() -> None:
    found = Greedy().select(SetTable(table=lambda depths: float(3 not in depths)), scoring_of(UNITS[:4]))
    names = [unit.name for unit in UNITS]
    assert found.info.order == (names[3], names[0], names[1], names[2])
    assert found.info.ties == ((names[0], names[1], names[2]), (names[1], names[2]))


def test_a_criterion_of_units_is_refused() -> None:
    with pytest.raises(SpecError, match="criterion 'unit_table' scores units, not sets; one_shot would do"):
        Greedy().select(UnitTable(table=(1.0,) * 8), scoring_of())


def test_a_score_that_is_not_finite_is_an_error() -> None:
    with pytest.raises(ArithmeticError, match=r"the score of blocks\.5\.attn is nan"):
        Greedy().select(SetTable(table=lambda depths: float("nan") if 5 in depths else 0.0), scoring_of())
