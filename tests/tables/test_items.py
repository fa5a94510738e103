"""Item by item: what McNemar's test counts, and which networks may be put together."""

from __future__ import annotations

import numpy as np
import pytest
from assured import accuracy, assured, bits
from builders import Plan, index_of

from harness.records import Record
from harness.report.view import View, view_of
from harness.store import Reading
from harness.tables.items import item_differences, right, seen

PLAN = Plan(seeds=(0, 1, 2), criteria=("entropy", "similarity", "random"), draws=2, counts=(2, 4))
PAIR = ("entropy", "similarity")


def viewed(records: tuple[Record, ...]) -> View:
    return view_of(index_of(PLAN), Reading(records, ()))


def test_bits_come_back_in_item_order() -> None:
    given = np.random.default_rng(0).random(77) < 0.6
    found = right(bits(assured(PLAN)[0], given).outcomes[0])
    assert found is not None
    assert found.bits.tolist() == given.tolist()


def test_the_mean_item_difference_is_the_difference_of_accuracies() -> None:
    found = viewed(assured(PLAN))
    rows = item_differences(seen(found.panels[0], found.results, PAIR), *PAIR)
    own = {
        name: np.mean([accuracy(r) for r in assured(PLAN) if r.trial.criterion == name and r.trial.model_seed == 1])
        for name in PAIR
    }
    assert len(rows) == 3
    assert np.mean(rows[1]) == pytest.approx(own["entropy"] - own["similarity"], abs=1e-9)


def test_networks_that_saw_other_items_are_not_put_together() -> None:
    records = list(assured(PLAN))
    (outcome,) = records[-1].outcomes
    place = next(i for i, r in enumerate(records) if r.trial.criterion == "entropy")
    records[place] = records[place].model_copy(update={"outcomes": (outcome.model_copy(update={"order": "1" * 64}),)})
    found = viewed(tuple(records))
    assert item_differences(seen(found.panels[0], found.results, PAIR), *PAIR) == []
