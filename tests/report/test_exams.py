"""Benchmarks question by question: which answers pair, how they are tested, and what is said of them."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest
from builders import index_of
from novels import PLAN, novels

from harness.records import Outcome, Record
from harness.report.exams import exam_table, exam_words
from harness.report.view import View, view_of
from harness.resampling import mcnemar
from harness.store import Reading
from harness.tables.exams import ExamTest, exam_rows
from harness.verification.numbers import of_outcomes

QUESTIONS = 200
WRONG = {None: 40, "similarity": 44, "iterative": 40, "no_residual": 120, "random": 70}
AT = {"task": "hellaswag", "shots": 10, "measure": "acc_norm", "dtype": "bf16"}


def _answered(record: Record, order: str = "q") -> Record:
    """The record with answers, of which the first so many are wrong."""
    right = np.arange(QUESTIONS) >= WRONG[record.trial.criterion]
    data = base64.b64encode(np.packbits(right).tobytes()).decode()
    packed: dict[str, Any] = {"items": QUESTIONS, "encoding": "bits", "data": data, "order": order}
    kept = Outcome(split=None, metric="lm_eval", at=AT, item="question", **packed)
    return record.model_copy(update={"outcomes": (*record.outcomes, kept)})


def _seen(records: tuple[Record, ...], *collectors: str) -> View:
    held = {"trials": tuple(r.trial for r in records), "collectors": ("perplexity", *collectors)}
    return view_of(index_of(PLAN).model_copy(update=held), Reading(records, ()))


@pytest.fixture(scope="module")
def view() -> View:
    return _seen(tuple(map(_answered, novels())), "lm_eval")


def test_every_checkpoint_is_tested_on_the_questions_of_its_baseline(view: View) -> None:
    assert len(view.exam_tests) == sum(len(panel.candidates) for panel in view.outcomes)
    (one, *_) = (each for each in view.exam_tests if each.test.first == "random")
    assert (one.exam, one.score) == ("hellaswag (acc_norm, 10 shots, dtype bf16)", 0.8)
    assert (one.test.only_first, one.test.only_second) == (0, 30)
    assert one.test.p == mcnemar(0, 30)
    assert one.test.difference == pytest.approx(-0.15)


def test_equal_answers_of_a_network_are_one_test(view: View) -> None:
    networks = {test.test.unit for test in view.exam_tests}
    assert {one.test.family for one in view.exam_tests} == {len(networks) * (len(WRONG) - 1)}


def test_it_is_told_in_words_and_as_a_table(view: View) -> None:
    shown = [one for one in view.exam_tests if one.test.is_difference]
    words = exam_words(view.exam_tests)
    assert words.startswith(f"On 1 benchmark by `lm_eval`, {len(shown)} of {len(view.exam_tests)} checkpoints' scores")
    assert words.endswith("the smallest difference shown is 15.0 points.")
    table = exam_table(view.outcomes, view.exam_tests)
    assert table is not None
    row = next(row for row in table.rows if row[1].startswith("random"))
    assert (str(row[3]), str(row[4])) == ("80.0", "\N{MINUS SIGN}15.0")
    assert row[6] == "12 of 12"
    rows = exam_rows(view.exam_tests)
    assert set(rows["exam"]) == {view.exam_tests[0].exam}
    assert len(rows) == len(view.exam_tests)


def test_nothing_is_said_where_nothing_was_asked_or_answers_cannot_pair() -> None:
    assert _seen(novels(), "lm_eval").exam_tests == ()
    assert _seen(tuple(map(_answered, novels()))).exam_tests == ()
    others = tuple(_answered(record, order=str(record.trial.criterion)) for record in novels())
    assert _seen(others, "lm_eval").exam_tests == ()
    assert exam_words(()) == ""
    assert exam_table((), ()) is None


def test_a_difference_that_is_not_shown_is_no_proof_of_none(view: View) -> None:
    same: tuple[ExamTest, ...] = tuple(one for one in view.exam_tests if one.test.first == "iterative")
    assert exam_words(same).endswith("that is no proof that they are the same.")


def test_answers_that_are_not_the_score_are_found_out() -> None:
    record = _answered(novels()[0])
    score = next(m for m in record.measurements if m.metric == "perplexity").model_copy(
        update={"metric": "lm_eval", "split": None, "at": AT, "value": 0.8 * (1 + 1e-12)}
    )
    good = record.model_copy(update={"measurements": (score,)})
    assert not [told for told in of_outcomes(good) if "lm_eval" in told]
    bad = record.model_copy(update={"measurements": (score.model_copy(update={"value": 0.7}),)})
    assert any("160 of 200 are right, and the value is 0.7" in told for told in of_outcomes(bad))
