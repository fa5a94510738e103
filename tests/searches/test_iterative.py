"""Scores anew after each removal, on the network that is left."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import pytest
from score_tables import UNITS, SetTable
from score_tables import scoring_of as table_scoring
from torch import nn
from walks import batches_of, scoring_of

from harness.criteria.base import Criterion, Scoring, SetCriterion, SetScore, UnitCriterion
from harness.criteria.calibration_loss import CalibrationLoss
from harness.criteria.divergence import Divergence
from harness.criteria.magnitude import Magnitude
from harness.errors import SpecError
from harness.families.base import Unit
from harness.searches.greedy import Greedy
from harness.searches.iterative import Iterative
from harness.surgery import remove, removed


class Turning(UnitCriterion):
    """With eight units the nearest to depth 3 is the cheapest; with fewer, the deepest."""

    name = "turning"

    def scores(self, scoring: Scoring) -> dict[str, float]:
        is_whole = len(scoring.units) == 8
        return {unit.name: float(abs(unit.depth - 3) if is_whole else -unit.depth) for unit in scoring.units}


class Wordless(Criterion):
    """Scores nothing."""

    name: ClassVar[str] = "wordless"


class Own(Divergence):
    """A set criterion that runs its sets itself."""

    def set_score(self, scoring: Scoring) -> SetScore:
        return super().set_score(scoring)


Own.name = "own"


def reduced(scoring: Scoring, chosen: list[Unit]) -> Scoring:
    """The scoring of an independent network that never had the chosen units."""
    net = remove(scoring.net, [s for unit in chosen for s in unit.sublayers], "skip")
    left = tuple(unit for unit in scoring.units if unit not in chosen)
    return replace(
        scoring, net=net, units=left, without=lambda gone: removed(net, [s for u in gone for s in u.sublayers], "skip")
    )


def test_each_step_takes_the_cheapest_of_its_own_scores() -> None:
    found = Iterative().select(Turning(), table_scoring())
    assert found.info.order == tuple(UNITS[depth].name for depth in (3, 7, 6, 5, 4, 2, 1, 0))
    assert found.sets == {count: (found.info.order or ())[:count] for count in range(1, 8)}
    assert found.info.evaluations == 7


def test_steps_hold_what_each_step_saw() -> None:
    info = Iterative().select(Turning(), table_scoring()).info
    assert info.steps[0]["unit"] == UNITS[3].name
    assert info.scores == info.steps[0]["candidates"]
    assert info.steps[1]["candidates"] == {u.name: float(-u.depth) for u in UNITS if u.depth != 3}
    assert info.steps[1]["score"] == -7.0


def test_scores_are_those_of_the_network_that_is_left(tiny_net: nn.Module) -> None:
    scoring = scoring_of(tiny_net, batches_of(4, 4), "mlp")
    found = Iterative().select(Magnitude(), scoring)
    (first,) = found.at(1)
    gone = next(unit for unit in scoring.units if unit.name == first)
    assert found.info.steps[1]["candidates"] == Magnitude().scores(reduced(scoring, [gone]))


def test_a_largest_set_ends_it_early() -> None:
    search = Iterative(up_to=2)
    found = search.select(Turning(), table_scoring())
    assert search.largest_count == 2
    assert sorted(found.sets) == [1, 2]
    assert found.info.order == (UNITS[3].name, UNITS[7].name)


@pytest.mark.parametrize("criterion", [Divergence(), Own()], ids=["shared", "by itself"])
def test_sets_are_compared_with_the_network_as_it_then_stands(tiny_net: nn.Module, criterion: SetCriterion) -> None:
    scoring = scoring_of(tiny_net, batches_of(4, 3), "joint")
    found = Iterative().select(criterion, scoring)
    chosen: list[Unit] = []
    for step in found.info.steps:
        there = reduced(scoring, chosen)
        score = Divergence().set_score(there)
        expected = {unit.name: score((unit,)) for unit in there.units}
        assert step["candidates"] == pytest.approx(expected, rel=1e-9, abs=1e-12)
        assert step["unit"] == min(expected, key=expected.__getitem__)
        chosen.append(next(unit for unit in there.units if unit.name == step["unit"]))


def test_it_is_greedy_where_a_score_compares_with_nothing(tiny_net: nn.Module) -> None:
    scoring = scoring_of(tiny_net, batches_of(4, 3))
    one, other = Iterative().select(CalibrationLoss(), scoring), Greedy().select(CalibrationLoss(), scoring)
    assert (one.sets, one.info.steps) == (other.sets, other.info.steps)


def test_a_criterion_without_scores_is_refused() -> None:
    with pytest.raises(SpecError, match="search iterative: criterion 'wordless' scores neither units nor sets"):
        Iterative().select(Wordless(), table_scoring())


def test_a_score_that_is_not_finite_is_an_error() -> None:
    table = SetTable(table=lambda depths: float("inf") if 2 in depths else 0.0)
    with pytest.raises(ArithmeticError, match=r"the score of blocks\.2\.attn is inf"):
        Iterative().select(table, table_scoring())
