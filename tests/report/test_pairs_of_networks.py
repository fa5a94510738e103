"""Whole networks stand beside each other seed by seed, and what the tests cannot show is not claimed."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import pytest
from builders import Plan, elsewhere, index_of, records_of

from harness.records import Measurement, Outcome, Record
from harness.report.networks import network_pairs, network_table, network_words, pair_table
from harness.report.view import View, view_of
from harness.store import Reading

SEEDS = tuple(range(8))
PLAN = Plan(models=("own", "small", "wide"), criteria=("entropy", "random"), draws=1, counts=(2,), seeds=SEEDS)
BESIDE = ("small", "wide")
HIGH, LOW = (0.96, 0.95, 0.94, 0.96, 0.95, 0.97, 0.96, 0.95), (0.90, 0.91, 0.92, 0.90, 0.91, 0.92, 0.90, 0.91)


def accuracy(record: Record, values: Sequence[float]) -> Record:
    value = values[record.trial.model_seed or 0]
    kept = [one for one in record.measurements if one.metric != "top1"]
    top1 = Measurement(metric="top1", unit="1", better="higher", kind="exact", split="test", value=value)
    return record.model_copy(update={"measurements": (*kept, top1)})


def seen(plan: Plan = PLAN, **changes: Any) -> View:
    """The first model, and two references of which the first is worse and the second as good."""
    held = [one for one in records_of(plan) if one.trial.model not in BESIDE or one.trial.criterion is None]
    held = [accuracy(one, LOW if one.trial.model == "small" else HIGH) for one in held]
    references = tuple({"model": name} for name in BESIDE)
    trials = tuple(one.trial for one in held)
    index = index_of(plan).model_copy(update={"references": references, "trials": trials, **changes})
    return view_of(index, Reading(tuple(held), ()))


def test_every_network_stands_in_the_table_with_what_it_needs() -> None:
    table = network_table(seen())
    assert table is not None
    assert [row[0] for row in table.rows] == ["own", "small", "wide"]
    place = table.header.index("networks")
    assert (table.rows[1][1], table.rows[1][place]) == ("90.9 ± 0.8", "8")
    assert table.header[place + 1].startswith("MACs")


def test_the_first_model_is_compared_with_each_reference_and_all_are_adjusted_together() -> None:
    pairs = network_pairs(seen())
    assert [(one.first, one.second, one.family) for one in pairs] == [("own", "small", 2), ("own", "wide", 2)]
    assert pairs[0].found.mean == pytest.approx(0.04625)
    assert [one.is_difference for one in pairs] == [True, False]


def test_a_study_may_name_its_pairs() -> None:
    pairs = network_pairs(seen(networks=(("wide", "small"),)))
    assert [(one.first, one.second) for one in pairs] == [("wide", "small")]
    table = pair_table(pairs)
    assert table is not None
    assert table.rows[0][0] == "wide − small"


def test_a_panel_shows_the_references_of_its_pairs_alone() -> None:
    shown = {str(name) for name in seen(networks=(("own", "small"),)).panels[0].beside["model"]}
    assert shown == {"small"}


def test_what_the_tests_show_is_said_with_its_interval() -> None:
    view = seen()
    told = network_words(view, network_pairs(view))
    assert "small 90.9 ± 0.8 % (" in told
    assert "own has 4.6 points more than small [3.4, 5.8]; own and wide have the same in all 8 pairs" in told
    assert "the tests show a difference between own and small (p = 0.016). Of the others none is claimed." in told


def test_an_interval_is_that_of_the_amount_in_the_words() -> None:
    view = seen(networks=(("small", "own"),))
    assert "small has 4.6 points less than own [3.4, 5.8]." in network_words(view, network_pairs(view))


@pytest.mark.parametrize(("seeds", "why"), [((0, 1, 2), "with 3 networks"), (SEEDS[:6], "adjusted for 2 pairs")])
def test_few_networks_claim_nothing(seeds: tuple[int, ...], why: str) -> None:
    view = seen(elsewhere(PLAN, seeds=seeds))
    assert f"None of them is claimed: {why}" in network_words(view, network_pairs(view))


def test_a_study_without_networks_beside_it_is_silent() -> None:
    view = view_of(index_of(PLAN), Reading(records_of(PLAN), ()))
    assert (network_table(view), network_pairs(view), network_words(view, ())) == (None, (), "")


def test_a_transform_that_keeps_every_answer_is_said_to() -> None:
    held = [one for one in records_of(PLAN) if one.trial.model not in BESIDE or one.trial.criterion is None]
    held = [_itemised(accuracy(one, HIGH)) for one in held]
    folded = [_deployed(one) for one in held if one.trial.criterion is None and one.trial.model == "own"]
    records = (*held, *folded)
    changes = {"references": ({"model": "small"},), "trials": tuple(one.trial for one in records)}
    view = view_of(index_of(PLAN).model_copy(update=changes), Reading(records, ()))
    told = network_words(view, network_pairs(view))
    assert "With deploy, 8 of 8 networks of own are right about the same test items as without." in told
    assert "in all 8 pairs (8 of 8 pairs right about the same items)" in told


def _itemised(record: Record) -> Record:
    """Right about the first item alone."""
    kept = {"item": "image", "items": 2, "encoding": "bits", "data": base64.b64encode(b"\x80").decode()}
    outcome = Outcome.model_validate({"split": "test", "metric": "top1", "order": "0" * 64, **kept})
    return record.model_copy(update={"outcomes": (outcome,)})


def _deployed(record: Record) -> Record:
    trial = record.trial.model_copy(update={"id": f"{record.trial.id}-deploy", "transform": "deploy"})
    return record.model_copy(update={"trial": trial})
