"""The report says which of the field's rules the study heeds, from its plan alone."""

from __future__ import annotations

from builders import Plan, elsewhere, index_of, records_of

from harness.records import StudyIndex
from harness.report.heeded import heeded_table
from harness.report.view import view_of
from harness.store import Reading
from harness.tables.table import Table

PLAN = Plan()


def _table(index: StudyIndex, *, has_plan: bool = True) -> Table | None:
    return heeded_table(view_of(index, Reading(records_of(PLAN), ()), has_plan=has_plan))


def test_broken_rules_stand_first_with_what_is_demanded_and_by_whom() -> None:
    table = _table(index_of(PLAN))
    assert table is not None
    heeded = [row[1] for row in table.rows]
    assert heeded == sorted(heeded, key=["no", "not told", "yes"].index)
    assert {"no", "yes"} <= set(heeded)
    first = table.rows[0]
    assert first[:3] == ("few_pairs", "no", "1 pair of a model and data: vit_digits on digits")
    assert first[3:] == ("at least 3 pairs of a model and data", "Blalock et al. 2020, section 6")


def test_what_a_study_heeds_is_said_too() -> None:
    table = _table(index_of(PLAN))
    assert table is not None
    told = {row[0]: row[1] for row in table.rows}
    assert told["few_networks"] == "yes"
    assert {row[0]: row[1] for row in _rows(index_of(elsewhere(PLAN, seeds=(0, 1))))}["few_networks"] == "no"


def _rows(index: StudyIndex) -> tuple[tuple[str, ...], ...]:
    table = _table(index)
    return () if table is None else table.rows


def test_without_a_plan_nothing_is_said() -> None:
    assert _table(index_of(PLAN), has_plan=False) is None
