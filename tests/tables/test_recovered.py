"""Before and after recovery: same sets, amount by amount, one value per network."""

from __future__ import annotations

import pytest
from assured import accuracy, with_accuracy, with_trial
from builders import Plan, index_of, records_of

from harness.records import Record
from harness.report.view import View, view_of
from harness.store import Reading
from harness.tables.recovered import kept, recovery_tables

PLAN = Plan(seeds=(0, 1), criteria=("entropy", "similarity", "last", "random"), draws=4, counts=(2, 4))


def trained(sign: float) -> View:
    records: list[Record] = []
    for record in records_of(PLAN):
        after = with_trial(record, recovery="finetune", recovery_seed=0)
        if record.trial.baseline is not None:
            base = next(r for r in records_of(PLAN) if r.trial.id == record.trial.baseline)
            baseline = with_trial(base, recovery="finetune", recovery_seed=0).trial.id
            after = after.model_copy(update={"trial": after.trial.model_copy(update={"baseline": baseline})})
        records += [record, with_accuracy(after, 0.5 + sign * 0.3 * (accuracy(record) - 0.9))]
    index = index_of(PLAN).model_copy(update={"trials": tuple(r.trial for r in records)})
    return view_of(index, Reading(tuple(records), ()))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_an_order_that_is_kept_has_tau_one_and_one_that_is_turned_minus_one(sign: float) -> None:
    (one,) = kept(trained(sign).panels)
    assert [value for values in one.taus.values() for value in values] == pytest.approx([sign] * 4)
    assert one.mean == pytest.approx(sign)


def test_a_set_that_two_criteria_chose_counts_once() -> None:
    (one,) = kept(trained(1.0).panels)
    sets = {
        (r.trial.model_seed, r.trial.count): {x.removed for x in records_of(PLAN) if _same(x, r)}
        for r in records_of(PLAN)
        if r.trial.criterion
    }
    expected = sum(len(found) for (_, count), found in sets.items() if count == 2) / 2
    assert one.sets[2.0] == expected


def _same(one: Record, other: Record) -> bool:
    return bool(one.trial.criterion) and (one.trial.model_seed, one.trial.count) == (
        other.trial.model_seed,
        other.trial.count,
    )


def test_the_table_has_a_row_per_recovery_and_a_column_per_amount() -> None:
    (table,) = recovery_tables(kept(trained(1.0).panels))
    assert table.header == ("recovery", "2 of 8", "4 of 8")
    assert [row[0] for row in table.rows] == ["finetune"]
    assert table.rows[0][1].startswith("1.00 (")


def test_without_training_there_is_nothing_to_tell() -> None:
    assert kept(view_of(index_of(PLAN), Reading(records_of(PLAN), ())).panels) == ()
