"""Budgets: their own axis in tables and figures, and the only ground on which targets are compared."""

from __future__ import annotations

from assured import assured, with_accuracy, with_selection, with_trial
from builders import Plan, index_of

from harness.plots.accuracy_count import accuracy_count
from harness.plots.look import looks
from harness.records import Record
from harness.report.caveats import caveats
from harness.report.sureness import sureness
from harness.report.view import View, view_of
from harness.store import Reading
from harness.tables.budgets import target_tables
from harness.tables.summaries import accuracy_table, cost_table

PLAN = Plan(seeds=(0, 1), criteria=("entropy", "random"), draws=2, counts=(2, 4), contrast=None)
SHARES = {2: 0.1, 4: 0.25}


def budgeted(record: Record, target: str) -> Record:
    count = record.trial.count or 0
    budget = {"macs": SHARES[count]}
    spec = {"target": target, "count": None, "budget": budget}
    word = f"macs{SHARES[count]}"
    record = with_trial(record, spec, target=target, budget=word, count=None, ratio=None)
    return with_selection(record, budget={**budget, "saved": 0.09, "count": count})


def viewed(*, targets: tuple[str, ...] = ("attention", "mlp"), is_budgeted: bool = True) -> View:
    records: list[Record] = []
    for record in assured(PLAN):
        if record.trial.criterion is None:
            records.append(record)
            continue
        for target in targets:
            made = budgeted(record, target) if is_budgeted else with_trial(record, {"target": target}, target=target)
            records.append(with_accuracy(made, 0.9 if target == "attention" else 0.8))
    index = index_of(PLAN).model_copy(update={"trials": tuple(r.trial for r in records)})
    return view_of(index, Reading(tuple(records), ()))


def test_the_count_of_a_budget_is_the_selections_finding() -> None:
    table = viewed().table
    rows = table[table["budget"] == "macs0.25"]
    assert set(rows["count"]) == {4}
    assert set(rows["ratio"]) == {0.5}


def test_tables_and_figures_have_the_budget_on_their_axis() -> None:
    (panel, _) = viewed().panels
    assert (panel.levels, panel.cost) == ((0.1, 0.25), "MACs")
    assert accuracy_table(panel).header == ("criterion", "10 % of the MACs", "25 % of the MACs")
    costs = cost_table(panel)
    assert costs is not None
    assert [row[0] for row in costs.rows] == ["0", "10 % of the MACs", "25 % of the MACs"]
    drawing = accuracy_count(panel, looks(panel.criteria))
    assert drawing is not None
    (axes,) = drawing.figure.axes
    assert axes.get_xlabel() == "MACs to be saved (%)"
    assert drawing.name == "accuracy_budget-vit-digits-attention"


def test_targets_are_compared_at_equal_budgets() -> None:
    (table,) = target_tables(viewed().panels)
    cells = {row[0]: row[1] for row in table.rows}
    assert cells["attention, entropy"] == "90.0 ± 0.0 (9.0 %)"
    assert cells["mlp, entropy"] == "80.0 ± 0.0 (9.0 %)"
    expected = "test top-1 is 90.0 % with the target attention and 80.0 % with the target mlp; no test was made of that"
    assert expected in " ".join(sureness(viewed()))


def test_targets_are_compared_at_nothing_else() -> None:
    seen = viewed(is_budgeted=False)
    assert target_tables(seen.panels) == ()
    assert any("equal counts are unequal savings" in sentence for sentence in caveats(seen))


def test_one_target_needs_no_comparison() -> None:
    assert target_tables(viewed(targets=("mlp",)).panels) == ()
