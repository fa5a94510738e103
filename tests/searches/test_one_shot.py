"""Scores once, lowest first."""

from __future__ import annotations

from typing import ClassVar

import pytest
from score_tables import UNITS, SetTable, UnitTable, scoring_of

from harness.criteria.base import Criterion
from harness.errors import SpecError
from harness.searches.one_shot import OneShot

SCORES = (0.5, 0.1, 0.9, 0.3, 0.1, 0.8, -0.2, 0.1)
ORDER = tuple(f"blocks.{depth}.attn" for depth in (6, 1, 4, 7, 3, 0, 5, 2))


def test_the_order_is_that_of_the_scores() -> None:
    assert OneShot().select(UnitTable(table=SCORES), scoring_of()).info.order == ORDER


def test_there_is_a_set_for_every_count_but_all() -> None:
    sets = OneShot().select(UnitTable(table=SCORES), scoring_of()).sets
    assert sets == {count: ORDER[:count] for count in range(1, 8)}


def test_a_group_of_ties_is_told_once() -> None:
    ties = OneShot().select(UnitTable(table=SCORES), scoring_of()).info.ties
    assert ties == (("blocks.1.attn", "blocks.4.attn", "blocks.7.attn"),)


def test_sets_are_scored_as_sets_of_one() -> None:
    criterion = SetTable(table=lambda depths: sum(SCORES[depth] for depth in depths) * len(depths) ** 2)
    found = OneShot().select(criterion, scoring_of())
    assert found.info.order == ORDER
    assert found.info.scores == dict(zip((unit.name for unit in UNITS), SCORES, strict=True))
    assert found.info.evaluations == 8


def test_one_unit_leaves_nothing_to_choose() -> None:
    found = OneShot().select(UnitTable(table=(0.0,)), scoring_of(UNITS[:1]))
    assert (found.sets, found.info.order) == ({}, ("blocks.0.attn",))


class Wordless(Criterion):
    """Scores nothing."""

    name: ClassVar[str] = "wordless"


def test_a_criterion_without_scores_is_refused() -> None:
    with pytest.raises(SpecError, match="criterion 'wordless' scores neither units nor sets"):
        OneShot().select(Wordless(), scoring_of())
