"""Stability and agreement: golden tables, and the numbers in them against the records."""

from __future__ import annotations

import statistics
from dataclasses import replace

import pytest
from assured import assured, with_selection
from builders import Plan, index_of, records_of
from golden_files import assert_golden
from scipy.stats import kendalltau

from harness.records import Record
from harness.report.view import view_of
from harness.store import Reading
from harness.tables.assurance import agreement, agreement_table, mean_tau, score_table, stability_table
from harness.tables.panels import Panel
from harness.tables.prices import price_table
from harness.tables.selections import Selected
from harness.tables.table import latex, markdown

PLAN = Plan(seeds=(0, 1, 2), criteria=("entropy", "similarity", "last", "random"), draws=2, counts=(2, 4))


def chosen(records: tuple[Record, ...]) -> tuple[Panel, tuple[Selected, ...]]:
    (found,) = view_of(index_of(PLAN), Reading(records, ())).chosen
    return found


def test_the_tables_are_golden() -> None:
    panel, found = chosen(assured(PLAN))
    tables = (
        stability_table(panel, found),
        score_table(panel, found),
        agreement_table(panel, agreement(found)),
        price_table([(panel, found)]),
    )
    held = [table for table in tables if table is not None]
    assert len(held) == 4
    assert_golden("assurance.md", "\n".join(f"### {table.title}\n\n{markdown(table)}" for table in held))
    assert_golden("assurance.tex", latex(held[0]))


def test_prices_of_several_panels_are_one_table_that_says_where() -> None:
    panel, found = chosen(assured(PLAN))
    mlp = replace(panel, key={**panel.key, "target": "mlp"})
    table = price_table([(panel, found), (mlp, found[:1])])
    assert table is not None
    assert [row[0] for row in table.rows[-2:]] == ["random (vit_digits, attention)", "entropy (vit_digits, mlp)"]
    assert price_table([]) is None


def test_agreement_is_kendalls_tau_network_by_network() -> None:
    _, found = chosen(assured(PLAN))
    pairs = agreement(found)
    assert set(pairs) == {("entropy", "similarity"), ("entropy", "last"), ("similarity", "last")}
    ranks = {(one.criterion, one.unit): one.ranks for one in found}
    first, second = ranks["entropy", found[0].unit], ranks["similarity", found[0].unit]
    expected = kendalltau(list(first.values()), [second[name] for name in first]).statistic
    assert pairs["entropy", "similarity"][0] == pytest.approx(expected)
    assert len(pairs["entropy", "similarity"]) == 3


def test_rankings_of_other_units_are_not_compared() -> None:
    records = tuple(
        with_selection(r, scores={"blocks.0.attn": 0.1, "blocks.1.attn": 0.2}, search="one_shot")
        if r.trial.criterion == "last"
        else r
        for r in assured(PLAN)
    )
    assert list(agreement(chosen(records)[1])) == [("entropy", "similarity")]


def test_the_stability_row_is_the_mean_over_networks() -> None:
    panel, found = chosen(assured(PLAN))
    table = stability_table(panel, found)
    assert table is not None
    own = [one.stability for one in found if one.criterion == "entropy"]
    taus = [one["sizes"]["128"]["tau"] for one in own if one is not None]  # type: ignore[index,call-overload]  # as built
    row = next(row for row in table.rows if row[:2] == ("entropy", "128"))
    assert row[2] == f"{statistics.fmean(map(float, taus)):.2f}"  # type: ignore[arg-type]  # as built


def test_without_stability_there_are_no_tables_of_it() -> None:
    panel, found = chosen(records_of(PLAN))
    assert stability_table(panel, found) is None
    assert score_table(panel, found) is None


def test_two_networks_give_a_mean_without_an_interval() -> None:
    mean, interval = mean_tau([0.2, 0.4])
    assert mean == pytest.approx(0.3)
    assert interval is None
