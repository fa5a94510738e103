"""Whole networks side by side: which are told of, and what is said of each."""

from __future__ import annotations

from dataclasses import replace

import pytest
from builders import Plan, elsewhere, records_of

from harness.results import latest
from harness.tables.cutting import panels
from harness.tables.frame import conditions, frame
from harness.tables.networks import FEWEST, network_tables, whole_networks
from harness.tables.panels import Panel

NAMES = ("attention", "mixer", "rows", "cycle")
PLAN = Plan(models=NAMES[:1], seeds=(0, 1, 2), criteria=("entropy",), counts=(2,))


def panels_of(plan: Plan, beside: tuple[str, ...] = NAMES[1:]) -> tuple[Panel, ...]:
    """The panels of a study with networks beside it."""
    dense = [record for record in records_of(elsewhere(plan, models=beside)) if record.trial.criterion is None]
    results = latest((*records_of(plan), *dense))
    return panels(frame(results), plan.criteria, conditions(results), references=beside)


def test_models_and_references_stand_in_one_table() -> None:
    (table,) = network_tables(panels_of(PLAN))
    assert {row[0] for row in table.rows} == set(NAMES)
    assert table.header[:4] == ("network", "top-1", "MACs (M)", "parameters (k)")
    assert {"latency (ms)", "items/s", "peak memory (MiB)"} <= set(table.header)
    assert all(" ± " in row[1] for row in table.rows)
    assert table.notes[0].startswith("Test top-1 in per cent; mean and standard deviation over 3 seeds of each.")


def test_of_one_seed_no_spread_is_known() -> None:
    (table,) = network_tables(panels_of(elsewhere(PLAN, seeds=(0,))))
    assert "one seed of each, so no spread is known" in table.notes[0]
    assert "Wilson interval" in table.notes[1]


def test_networks_of_a_study_with_several_models_are_told_of_once() -> None:
    (one,) = whole_networks(panels_of(elsewhere(PLAN, models=NAMES), ()))
    assert set(one.rows) == set(NAMES)
    assert one.label == "digits, fp32"


@pytest.mark.parametrize(
    ("plan", "beside"),
    [(PLAN, NAMES[1 : FEWEST - 1]), (elsewhere(PLAN, has_costs=False), NAMES[1:])],
    ids=["few", "counted only"],
)
def test_what_other_tables_and_figures_tell_is_not_told_again(plan: Plan, beside: tuple[str, ...]) -> None:
    assert network_tables(panels_of(plan, beside)) == ()


def test_baselines_of_a_recovery_or_a_transform_are_not_the_networks() -> None:
    for name in ("recovery", "transform"):
        found = (replace(panel, key={**panel.key, name: "another"}) for panel in panels_of(PLAN))
        assert whole_networks(tuple(found)) == ()
