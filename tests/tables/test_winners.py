"""Bold is for what a test supports: one criterion of a column that is better than each other."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from builders import Plan, elsewhere, records_of

from harness.results import latest
from harness.tables.cutting import panels
from harness.tables.frame import frame
from harness.tables.panels import Panel
from harness.tables.summaries import accuracy_table
from harness.tables.table import latex, markdown
from harness.tables.winners import winners

MANY = tuple(range(10))
PLAN = Plan(seeds=MANY, criteria=("entropy", "similarity", "last"), counts=(2, 4))


def panel_of(plan: Plan = PLAN, **accuracies: Any) -> Panel:
    """The panel, with the accuracy of a criterion at count 4 given by its network's number."""
    table = frame(latest(records_of(plan)))
    for criterion, accuracy in accuracies.items():
        is_it = (table["criterion"] == criterion) & (table["count"] == 4)
        table.loc[is_it, "top1"] = [accuracy(int(seed)) for seed in table.loc[is_it, "model_seed"]]
    (panel,) = panels(pd.DataFrame(table), plan.criteria)
    return panel


def test_one_that_beats_each_other_on_all_of_ten_networks_is_bold() -> None:
    panel = panel_of(similarity=lambda n: 0.97 + n / 1000, entropy=lambda n: 0.9 + n / 900, last=lambda n: 0.8)
    found = winners(panel)
    assert found.by_level[1] == "similarity"
    assert found.note.startswith("Bold: better than every other criterion of its column")
    table = accuracy_table(panel)
    assert table.rows[2][0] == "similarity"
    assert (2, 2) in table.bold
    assert f"**{table.rows[2][2]}**" in markdown(table)
    assert rf"\textbf{{{table.rows[2][2].replace('±', '$' + chr(92) + 'pm$')}}}" in latex(table)


def test_two_that_share_the_lead_share_no_bold() -> None:
    def alike(n: int) -> float:
        return 0.97 + n / 1000

    panel = panel_of(similarity=alike, entropy=lambda n: alike(n) + (-1) ** n / 500, last=lambda n: 0.5)
    assert 1 not in winners(panel).by_level


def test_a_lead_that_is_no_more_than_chance_is_not_bold() -> None:
    panel = panel_of(similarity=lambda n: 0.9 + 0.05 * (n % 3), entropy=lambda n: 0.9 + 0.05 * ((n + 1) % 3))
    assert 1 not in winners(panel).by_level


@pytest.mark.parametrize(("networks", "is_told"), [(6, True), (10, False)])
def test_too_few_networks_for_any_bold_are_told(networks: int, is_told: bool) -> None:
    flat = {name: lambda n: 0.9 for name in PLAN.criteria}
    note = winners(panel_of(elsewhere(PLAN, seeds=MANY[:networks], counts=(4,)), **flat)).note
    assert note.startswith("None is bold")
    few = winners(panel_of(elsewhere(PLAN, seeds=MANY[:networks]))).note
    assert ("is within reach" in few) == is_told


def test_one_network_has_neither_bold_nor_a_note() -> None:
    assert winners(panel_of(elsewhere(PLAN, seeds=(0,)))).note == ""


def test_of_very_many_networks_t_tests_say_the_same_and_the_note_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.tables.winners.MOST_FLIPPED", 5)
    found = winners(panel_of(similarity=lambda n: 0.97 + n / 1000, entropy=lambda n: 0.9, last=lambda n: 0.8))
    assert found.by_level[1] == "similarity"
    assert "t tests over more than 5" in found.note


def test_levels_with_one_criterion_say_nothing_of_what_is_within_reach() -> None:
    plan = elsewhere(PLAN, seeds=MANY[:3])
    table = frame(latest(records_of(plan)))
    table.loc[(table["criterion"] != "last") & (table["count"] == 4), "top1"] = float("nan")
    (panel,) = panels(pd.DataFrame(table), plan.criteria)
    assert "with 3 networks no p below" in winners(panel).note
