"""Greedy growth, against its definition by exhaustive enumeration of every set."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from score_tables import UNITS, SetTable, UnitTable, scoring_of
from torch import nn
from walks import batches_of
from walks import scoring_of as real_scoring

from harness.criteria.base import SetCriterion
from harness.criteria.calibration_loss import CalibrationLoss
from harness.criteria.divergence import Divergence
from harness.criteria.entropy import Entropy
from harness.errors import SpecError
from harness.families.base import Unit
from harness.searches.cheapest import ROUNDED, cheapest
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


@pytest.mark.parametrize(
    ("target", "removal"),
    [("attention", "skip"), ("attention", "identity"), ("mlp", "skip"), ("block", "skip"), ("joint", "skip")],
)
@pytest.mark.parametrize("criterion", [Entropy(), CalibrationLoss(), Divergence()], ids=lambda one: one.name)
def test_shared_passes_give_the_path_of_sets_run_by_themselves(
    tiny_net: nn.Module, criterion: SetCriterion, target: str, removal: str
) -> None:
    scoring = real_scoring(tiny_net, batches_of(4, 4, 3), target, removal)
    score = criterion.set_score(scoring)
    chosen: list[Unit] = []
    for step in Greedy().select(criterion, scoring).info.steps:
        left = [unit for unit in scoring.units if unit not in chosen]
        expected = {unit.name: score((*chosen, unit)) for unit in left}
        assert step["candidates"] == expected
        assert step["unit"] == cheapest(left, expected)[0].name
        chosen.append(next(unit for unit in left if unit.name == step["unit"]))
    assert len(chosen) == len(scoring.units) - 1


def test_a_largest_set_ends_it_early() -> None:
    search = Greedy(up_to=3)
    found = search.select(SetTable(table=every_score(0).__getitem__), scoring_of())
    assert search.largest_count == 3
    assert sorted(found.sets) == [1, 2, 3]
    assert len(found.info.order or ()) == 3
    with pytest.raises(SpecError, match="search greedy found no set of 4 units; it has sets of: 1, 2, 3"):
        found.at(4)


@pytest.mark.parametrize("options", [{"class_token_only": True}, {"spill": True}])
def test_an_option_of_the_passes_changes_scores_by_rounding_only(tiny_net: nn.Module, options: dict[str, bool]) -> None:
    scoring = real_scoring(tiny_net, batches_of(8, 8), "joint")
    short, long = Greedy(**options).select(Entropy(), scoring), Greedy().select(Entropy(), scoring)
    assert short.sets == long.sets
    for one, other in zip(short.info.steps, long.info.steps, strict=True):
        assert one["score"] == pytest.approx(other["score"], abs=1e-3)


def test_with_the_shortcut_what_rounding_may_turn_is_a_tie() -> None:
    units = UNITS[:3]
    scores = dict(zip((unit.name for unit in units), (0.5 + 1.8 * ROUNDED, 0.5 + 0.9 * ROUNDED, 0.5), strict=True))
    unit, tied = cheapest(units, scores, ROUNDED)
    assert (unit, tied) == (UNITS[1], (UNITS[1].name, UNITS[2].name))
