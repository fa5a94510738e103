"""Tests of single checkpoints: what is counted, what is one test, and what may not be compared."""

from __future__ import annotations

import numpy as np
import pytest
from assured import assured, bits, with_trial
from builders import Plan, elsewhere, index_of
from timed_records import timed, viewed

from harness.records import Record
from harness.report.view import View, view_of
from harness.resampling import mcnemar
from harness.stats import holm
from harness.store import Reading
from harness.tables.cells import p_is
from harness.tables.checkpoints import BASELINE, CheckpointTest, rows_of
from harness.tables.verdicts import MOST_ROWS, baseline_table, contrast_table

PLAN = Plan(seeds=(0, 1, 2), criteria=("entropy", "similarity", "random"), draws=2, counts=(2, 4))
WRONG = {"entropy": slice(0, 2), "similarity": slice(5, 12), "random": slice(0, 0)}


def marked(plan: Plan = PLAN) -> tuple[Record, ...]:
    """Of 20 items the baseline gets all right, entropy all but 2, similarity all but 7 others, random all."""
    records = []
    for record in assured(plan):
        given = np.ones(20, dtype=bool)
        if record.trial.criterion is not None:
            given[WRONG[record.trial.criterion]] = False
        records.append(bits(record, given))
    return tuple(records)


def seen(records: tuple[Record, ...], plan: Plan = PLAN) -> View:
    return view_of(index_of(plan), Reading(records, ()))


def of(tests: tuple[CheckpointTest, ...], first: str, second: str) -> list[CheckpointTest]:
    return [test for test in tests if (test.first, test.second) == (first, second)]


def test_each_candidate_is_counted_against_its_own_baseline() -> None:
    tests = seen(marked()).checkpoint_tests
    found = of(tests, "similarity", BASELINE)
    assert len(found) == 6
    assert {(t.only_first, t.only_second, t.items, t.p) for t in found} == {(0, 7, 20, mcnemar(0, 7))}
    assert found[0].difference == pytest.approx(-7 / 20)
    assert found[0].interval.low < -7 / 20 < found[0].interval.high < 0


def test_the_contrast_is_tested_on_the_same_items() -> None:
    found = of(seen(marked()).checkpoint_tests, "entropy", "similarity")
    assert {(t.only_first, t.only_second) for t in found} == {(7, 2)}


def test_all_tests_of_the_study_are_one_family() -> None:
    tests = seen(assured(PLAN)).checkpoint_tests
    distinct = {test.verdicts: test.p for test in tests}
    expected = dict(zip(distinct, holm(list(distinct.values())), strict=True))
    assert {(t.verdicts, t.adjusted) for t in tests} == set(expected.items())
    assert {t.family for t in tests} == {len(distinct)}
    assert any(not t.is_of_baseline for t in tests)


def test_equal_verdicts_on_one_network_are_one_test() -> None:
    tests = seen(marked()).checkpoint_tests
    # For each of 3 networks: entropy, similarity and random against the baseline, entropy against similarity.
    assert len(tests) == 3 * 2 * (2 + 2 + 1)
    assert {t.family for t in tests} == {3 * 4}


def test_runtimes_repeat_no_test() -> None:
    plain = viewed(record for record in timed() if record.trial.runtime == "fp32").checkpoint_tests
    both = viewed(timed()).checkpoint_tests
    assert [(t.trial, t.adjusted) for t in both] == [(t.trial, t.adjusted) for t in plain]


def test_other_items_are_not_compared() -> None:
    records = list(marked())
    (outcome,) = records[0].outcomes
    records[0] = records[0].model_copy(update={"outcomes": (outcome.model_copy(update={"order": "1" * 64}),)})
    found = of(seen(tuple(records)).checkpoint_tests, "entropy", BASELINE)
    assert len(found) == 4


def test_other_weights_are_not_compared() -> None:
    records = list(marked())
    stages = records[0].run.stages
    other = stages["prepare"].model_copy(update={"content": "other"})
    run = records[0].run.model_copy(update={"stages": {**stages, "prepare": other}})
    records[0] = records[0].model_copy(update={"run": run})
    assert len(of(seen(tuple(records)).checkpoint_tests, "entropy", BASELINE)) == 4


def test_a_drawn_criterion_makes_several_checkpoints_and_no_contrast() -> None:
    plan = elsewhere(PLAN, contrast=("entropy", "random"))
    found = seen(marked(plan), plan)
    assert of(found.checkpoint_tests, "entropy", "random") == []
    assert contrast_table(found.panels[0], found.checkpoint_tests, ("entropy", "random"), None) is None


def test_the_contrast_table_shows_adjusted_p() -> None:
    found = seen(marked())
    table = contrast_table(found.panels[0], found.checkpoint_tests, ("entropy", "similarity"), None)
    assert table is not None
    (adjusted,) = {t.adjusted for t in of(found.checkpoint_tests, "entropy", "similarity")}
    assert {cell for row in table.rows for cell in row[1:]} == {f"7 : 2 ({p_is(adjusted)})"}
    assert "For this checkpoint" in table.notes[0]
    assert "all 12 tests" in table.notes[0]


def test_few_tests_are_shown_one_by_one() -> None:
    found = seen(marked())
    table = baseline_table(found.outcomes, found.checkpoint_tests)
    assert table is not None
    assert len(table.rows) == 24 <= MOST_ROWS
    assert table.rows[0][:4] == ("vit_digits/digits/0, entropy", "2 of 8", "2 : 0", "−10.00")
    assert {row[-1] for row in table.rows} == {"–"}  # of two or seven differing items no test can show anything


def test_many_tests_are_summed_up_and_the_rest_is_in_a_file() -> None:
    plan = elsewhere(PLAN, seeds=(0, 1, 2, 3, 4, 5))
    found = seen(marked(plan), plan)
    table = baseline_table(found.outcomes, found.checkpoint_tests)
    assert table is not None
    rows = {row[:2]: row[2:] for row in table.rows}
    assert rows["similarity", "2 of 8"][:2] == ("0 of 6", "7 of 20")
    assert rows["random", "4 of 8"][:2] == ("0 of 12", "0 of 20")
    assert "Every one of the 48 tests is in checkpoint_tests.csv." in table.notes[1]


def test_of_more_rows_than_are_read_it_is_said_how_many_are_left_out() -> None:
    records: list[Record] = []
    targets = [f"kind{number:02}" for number in range(15)]
    for record in marked():
        if record.trial.criterion is None:
            records.append(record)
        else:
            records += [with_trial(record, {"target": target}, target=target) for target in targets]
    found = viewed(records, PLAN)
    table = baseline_table(found.outcomes, found.checkpoint_tests)
    assert table is not None
    assert len(table.rows) == MOST_ROWS
    assert table.rows[0][:3] == ("entropy (vit_digits, kind00)", "any amount", "0 of 6")
    assert f"Shown are the first {MOST_ROWS} of 45 rows." in table.notes[1]


def test_every_test_is_a_row_of_the_file() -> None:
    tests = seen(marked()).checkpoint_tests
    table = rows_of(tests)
    assert len(table) == len(tests)
    assert table["adjusted_p"].tolist() == [t.adjusted for t in tests]
    assert set(table.loc[table["first"] == "random", "draw"]) == {0, 1}


def test_without_outcomes_there_is_nothing_to_test() -> None:
    records = tuple(record.model_copy(update={"outcomes": ()}) for record in marked())
    found = seen(records)
    assert found.checkpoint_tests == ()
    assert baseline_table(found.outcomes, ()) is None
