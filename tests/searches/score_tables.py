"""Criteria whose scores are read from a table, and eight units for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

from torch import nn

from harness.criteria.base import Scoring, SetCriterion, SetScore, UnitCriterion
from harness.families.base import Unit
from harness.tasks.classification import Classification

UNITS = tuple(Unit(f"blocks.{depth}.attn", "attention", depth, ()) for depth in range(8))


def scoring_of(units: tuple[Unit, ...] = UNITS) -> Scoring:
    return Scoring(nn.Identity(), Classification(), units, (), lambda _: nullcontext(), "skip", 0)


class UnitTable(UnitCriterion):
    """The score of each unit, in the order of depth."""

    table: tuple[Any, ...]  # Any: NaN is no value of a schema, and is what a test wants to give

    def scores(self, scoring: Scoring) -> Mapping[str, float]:
        return {unit.name: float(score) for unit, score in zip(scoring.units, self.table, strict=True)}


class SetTable(SetCriterion):
    """The score of a set of depths."""

    table: Callable[[frozenset[int]], float]

    def set_score(self, scoring: Scoring) -> SetScore:
        return lambda units: self.table(frozenset(unit.depth for unit in units))


UnitTable.name = "unit_table"
SetTable.name = "set_table"
