"""Differences on a text are paired document by document, and weighed by their bytes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from novels import ADDED, BYTES, DOCUMENTS, seen

from harness.report.documents import document_table, document_words
from harness.resampling import ratio_interval
from harness.tables.documents import Told, loss_interval, rows_of


def test_every_candidate_is_tested_against_its_own_baseline() -> None:
    view = seen()
    assert len(view.document_tests) == sum(len(panel.candidates) for panel in view.outcomes)
    assert {len(test.added) for test in view.document_tests} == {DOCUMENTS}
    found = [t for t in view.document_tests if (t.criterion, t.level, t.panel) == ("random", 1, "decoder, attention")]
    assert np.mean([test.difference for test in found]) == pytest.approx(ADDED["random"], rel=0.05)


def test_a_difference_is_bits_over_bytes() -> None:
    (test, *_) = seen().document_tests
    bits = replace(test, added=(3.0, -1.0), text_bytes=(10.0, 30.0))
    assert bits.difference == pytest.approx(2.0 / 40.0)


def test_an_interval_holds_the_ratio_and_needs_two_documents() -> None:
    random = np.random.default_rng(1)
    sizes = random.uniform(500, 1500, 40)
    added = 0.05 * sizes + random.normal(0, 10, 40)
    interval = ratio_interval(tuple(added), tuple(sizes))
    assert interval is not None
    spread = float(np.std(added - 0.05 * sizes, ddof=1)) / (sizes.mean() * np.sqrt(40))
    assert interval.high - interval.low == pytest.approx(2 * 2.02 * spread, rel=0.15)
    assert interval.low < added.sum() / sizes.sum() < interval.high
    assert ratio_interval((1.0,), (2.0,)) is None


def test_networks_that_saw_other_documents_do_not_pair() -> None:
    mine = Told("a", np.array([1.0, 2.0]), np.array([BYTES, BYTES]))
    assert loss_interval(mine, replace(mine, order="b")) is None
    assert loss_interval(mine, None) is None
    assert loss_interval(mine, mine) is not None


def test_equal_sets_of_a_network_are_one_test() -> None:
    tests = seen().document_tests
    assert {test.family for test in tests} == {len({test.texts for test in tests})}
    assert all(test.adjusted >= test.p for test in tests)


def test_words_and_table_count_the_checkpoints_that_differ() -> None:
    view = seen()
    tests = view.document_tests
    shown = sum(test.is_difference for test in tests)
    assert document_words(tests).startswith(f"Checkpoint by checkpoint, {shown} of {len(tests)} with something removed")
    table = document_table(view.outcomes, tests)
    assert table is not None
    assert table.rows[0][:3] == ("similarity (decoder, attention)", "1 of 8", "6 of 6")
    assert document_words(()) == ""
    assert len(rows_of(tests)) == len(tests)
