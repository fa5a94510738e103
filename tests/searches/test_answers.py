"""What a criterion answers wrongly is told in a sentence that names it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from score_tables import UNITS, scoring_of

from harness.criteria.base import Criterion, ListCriterion, Scoring, SpanCriterion, UnitCriterion
from harness.errors import SpecError
from harness.searches.answers import unit_scores
from harness.searches.base import Search
from harness.searches.consecutive import Consecutive
from harness.searches.given import Given
from harness.searches.iterative import Iterative
from harness.searches.one_shot import OneShot

FULL: dict[str, Any] = {unit.name: 1.0 for unit in UNITS}
FEW = {UNITS[0].name: 1.0, UNITS[1].name: 1.0}


class Own(UnitCriterion):
    """Answers what it is told to."""

    answer: Any

    def scores(self, scoring: Scoring) -> Mapping[str, float]:
        found: Mapping[str, float] = self.answer
        return found


class OwnList(ListCriterion):
    """Answers with no mapping."""

    def sets(self, scoring: Scoring) -> Mapping[int, tuple[str, ...]]:
        return [("blocks.0.attn",)]  # type: ignore[return-value]  # the mistake


class OwnSpans(SpanCriterion):
    """Answers with no mapping."""

    def span_scores(self, scoring: Scoring) -> Mapping[tuple[str, ...], float]:
        return [0.0]  # type: ignore[return-value]  # the mistake


Own.name, OwnList.name, OwnSpans.name = "own", "own_list", "own_spans"


@pytest.mark.parametrize("search", [OneShot(), Iterative()], ids=["one_shot", "iterative"])
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ([1.0] * 8, "criterion 'own' gives a list, no mapping"),
        (None, "criterion 'own' gives a NoneType, no mapping"),
        ({**FULL, "blocks.3.attn": None}, r"criterion 'own' gives None for blocks\.3\.attn, no number"),
        (FEW, r"criterion 'own' gives no score for blocks\.2\.attn and 5 more"),
        ({n: s for n, s in FULL.items() if n != "blocks.7.attn"}, r"gives no score for blocks\.7\.attn$"),
    ],
)
def test_scores_that_cannot_be_used_are_told(search: Search, answer: Any, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        search.select(Own(answer=answer), scoring_of())


@pytest.mark.parametrize(("search", "criterion"), [(Given(), OwnList()), (Consecutive(), OwnSpans())])
def test_sets_and_runs_that_are_no_mapping_are_told(search: Search, criterion: Criterion) -> None:
    with pytest.raises(SpecError, match=f"criterion '{criterion.name}' gives a list, no mapping"):
        search.select(criterion, scoring_of())


def test_scores_are_plain_numbers_in_the_order_of_units() -> None:
    found = unit_scores(Own(answer=dict(reversed({n: np.float64(s) for n, s in FULL.items()}.items()))), scoring_of())
    assert list(found) == list(FULL)
    assert {type(score) for score in found.values()} == {float}
