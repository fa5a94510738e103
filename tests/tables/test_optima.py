"""How good selections are: ratios of means, regret, the exact value of random choice."""

from __future__ import annotations

import statistics

import pytest
from assured import accuracy, assured
from builders import Plan, index_of, records_of
from golden_files import assert_golden

from harness.report.view import view_of
from harness.store import Reading
from harness.tables.optima import optimum_table, standings
from harness.tables.table import markdown

PLAN = Plan(seeds=(0, 1, 2), criteria=("entropy", "random"), draws=2, counts=(2, 4), contrast=None)
((PANEL, CHOSEN),) = view_of(index_of(PLAN), Reading(assured(PLAN), ())).chosen


def test_the_table_is_golden() -> None:
    table = optimum_table(PANEL, standings(CHOSEN))
    assert table is not None
    assert_golden("optimum.md", markdown(table))


def test_the_best_set_and_the_mean_of_all_are_the_ends_of_the_scale() -> None:
    table = optimum_table(PANEL, standings(CHOSEN))
    assert table is not None
    ends = [row[3:5] for row in table.rows if row[0] in ("best on validation", "mean of all sets")]
    assert ends == [("1.00", "0.0 ± 0.0"), ("0.00", "8.9 ± 0.0"), ("1.00", "0.0 ± 0.0"), ("0.00", "21.8 ± 0.0")]


def test_gain_is_of_means_over_networks() -> None:
    (one,) = (s for s in standings(CHOSEN) if (s.criterion, s.count) == ("entropy", 4))
    own = [accuracy(r) for r in assured(PLAN) if (r.trial.criterion, r.trial.count) == ("entropy", 4)]
    assert one.own == pytest.approx(own)
    best, chance = one.validation[0], one.mean[0]
    assert one.gain == pytest.approx((statistics.fmean(own) - chance) / (best - chance))
    assert one.regret == pytest.approx([best - value for value in own])
    assert one.gap == pytest.approx([0.007] * 3)


def test_random_shows_its_draws_beside_the_exact_mean() -> None:
    table = optimum_table(PANEL, standings(CHOSEN))
    assert table is not None
    found = {row[0]: row[2] for row in table.rows if row[1].startswith("4 of 8")}
    assert found["random (2 draws)"] == "64.4 ± 2.2"
    assert found["mean of all sets"] == "70.2 ± 0.0"
    assert any("exact value" in note for note in table.notes)


def test_a_best_set_that_is_no_better_than_the_mean_has_no_gain() -> None:
    (one, *_) = standings(CHOSEN)
    flat = type(one)(**{**one.__dict__, "validation": one.mean})
    assert flat.gain is None


def test_without_other_sets_there_is_no_table() -> None:
    ((panel, chosen),) = view_of(index_of(PLAN), Reading(records_of(PLAN), ())).chosen
    assert optimum_table(panel, standings(chosen)) is None
