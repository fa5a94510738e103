"""Runs of adjacent units: the best of each length, and only runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from score_tables import UNITS, UnitTable, scoring_of

from harness.criteria.base import Scoring, SpanCriterion, runs
from harness.errors import SpecError
from harness.families.base import Unit
from harness.searches.consecutive import Consecutive


class SpanTable(SpanCriterion):
    """The score of a run by its first place and its length."""

    name = "span_table"
    table: dict[tuple[int, int], Any] = {}
    otherwise: float = 1.0

    def span_scores(self, scoring: Scoring) -> Mapping[tuple[str, ...], float]:
        places = {unit.name: place for place, unit in enumerate(scoring.units)}
        found = [tuple(unit.name for unit in run) for run in runs(scoring.units)]
        return {run: self.table.get((places[run[0]], len(run)), self.otherwise) for run in found}


def run(start: int, length: int) -> tuple[str, ...]:
    return tuple(unit.name for unit in UNITS[start : start + length])


def test_the_cheapest_run_of_each_length_is_taken() -> None:
    criterion = SpanTable(table={(6, 1): 0.0, (2, 2): 0.5, (5, 3): -1.0})
    found = Consecutive().select(criterion, scoring_of())
    assert (found.at(1), found.at(2), found.at(3)) == (run(6, 1), run(2, 2), run(5, 3))
    assert sorted(found.sets) == list(range(1, 8))
    assert (found.info.nested, found.info.order) == (False, None)


def test_ties_go_to_the_run_that_begins_first_and_are_told() -> None:
    found = Consecutive().select(SpanTable(), scoring_of(UNITS[:3]))
    assert found.at(2) == run(0, 2)
    assert found.info.ties[-1] == (" + ".join(run(0, 2)), " + ".join(run(1, 2)))


def test_a_step_holds_the_scores_of_all_runs_of_its_length() -> None:
    info = Consecutive().select(SpanTable(table={(1, 2): 0.25}), scoring_of(UNITS[:4])).info
    candidates = {UNITS[0].name: 1.0, UNITS[1].name: 0.25, UNITS[2].name: 1.0}
    assert info.steps[1] == {"count": 2, "set": list(run(1, 2)), "score": 0.25, "candidates": candidates}
    assert info.scores == {unit.name: 1.0 for unit in UNITS[:4]}
    assert info.evaluations == 4 + 3 + 2


def test_no_run_goes_over_a_block_that_stays() -> None:
    apart = tuple(Unit(f"blocks.{depth}", "block", depth, ()) for depth in (0, 1, 3, 4))
    assert [[unit.depth for unit in found] for found in runs(apart)] == [[0], [0, 1], [1], [3], [3, 4], [4]]


def test_two_sublayers_of_a_block_are_adjacent() -> None:
    pair = (*tuple(Unit(f"blocks.0.{name}", name, 0, ()) for name in ("attn", "mlp")), Unit("blocks.1.attn", "", 1, ()))
    assert [len(found) for found in runs(pair)] == [1, 2, 1, 2, 1]


def test_a_length_without_a_run_is_no_set() -> None:
    apart = tuple(Unit(f"blocks.{depth}", "block", depth, ()) for depth in (0, 1, 3, 4))
    found = Consecutive().select(SpanTable(), scoring_of(apart))
    with pytest.raises(SpecError, match="search consecutive found no set of 3 units; it has sets of: 1, 2"):
        found.at(3)


def test_a_run_without_a_score_is_never_chosen() -> None:
    class Forgetful(SpanTable):
        def span_scores(self, scoring: Scoring) -> Mapping[tuple[str, ...], float]:
            return {names: score for names, score in super().span_scores(scoring).items() if len(names) != 2}

    found = Consecutive().select(Forgetful(), scoring_of())
    assert 2 not in found.sets
    assert {1, 3} <= set(found.sets)


def test_a_score_that_is_not_finite_is_an_error_that_names_the_run() -> None:
    with pytest.raises(ArithmeticError, match=r"the score of blocks\.1\.attn, blocks\.2\.attn is inf"):
        Consecutive().select(SpanTable(table={(1, 2): float("inf")}), scoring_of())


def test_a_criterion_that_scores_no_runs_is_refused() -> None:
    with pytest.raises(SpecError, match="search consecutive: criterion 'unit_table' scores no runs of units"):
        Consecutive().select(UnitTable(table=(1.0,) * 8), scoring_of())
