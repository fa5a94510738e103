"""Recommendations in words: limits with one answer stand together, doubt is said, and so is what chance would do."""

from __future__ import annotations

from builders import Plan, elsewhere, index_of, records_of

from harness.bounds import Bounds
from harness.records import Record
from harness.report.recommending import advice, remarks
from harness.report.view import View, view_of
from harness.store import Reading
from harness.tables.recommending import recommendation_table

PLAN = Plan(draws=2, counts=(2, 4), noisy_counts=())


def seen(*limits: dict[str, float], plan: Plan = PLAN, records: tuple[Record, ...] | None = None) -> View:
    asked = tuple(Bounds.model_validate(limit) for limit in limits)
    held = records_of(plan) if records is None else records
    return view_of(index_of(plan).model_copy(update={"recommend": asked}), Reading(held, ()))


def test_limits_with_the_same_answer_are_told_together() -> None:
    text = advice(seen({"macs_ratio": 0.85}, {"latency_ratio": 0.85}))
    assert "To need at most 85 % of the MACs, or to need at most 85 % of the latency, remove 4 of 8 attention" in text


def test_what_is_lost_and_bought_is_told_with_its_doubt() -> None:
    view = seen({"top1_drop": 0.031})
    text = advice(view)
    assert "To lose at most 3.1 points of top-1, remove 2 of 8 attention sublayers by entropy" in text
    assert "(6 networks), saves 9.0 % of the MACs and is 1.13 times as fast [" in text
    assert text.endswith("; that is not sure to meet the limit, as an interval reaches beyond it.")
    table = recommendation_table(view.recommendations, view.machines)
    assert table is not None
    assert table.rows[0][-1] == "no"


def test_nothing_is_said_plainly_with_what_comes_nearest() -> None:
    text = advice(seen({"top1_drop": 0.001}))
    assert "nothing suffices on x86-64, 8 cores; nearest comes 2 of 8 attention sublayers by entropy, at 3" in text


def test_nothing_asked_is_nothing_said() -> None:
    assert advice(seen()) == ""
    assert remarks(seen()) == ()


def test_the_dominated_and_the_lucky_are_named() -> None:
    dominated, chance = remarks(seen({"macs_ratio": 0.95}))
    assert dominated.startswith("Dominated criteria: similarity, last and random. ")
    assert "random (to need at most 95 % of the MACs)" in chance


def test_each_machine_is_named_where_there_are_several() -> None:
    gpu = elsewhere(PLAN, machine_class="gpu-aa", noisy_counts=(2, 4))
    later = tuple(
        r.model_copy(update={"run": r.run.model_copy(update={"id": f"{r.run.id}b"})}) for r in records_of(gpu)
    )
    view = seen({"latency_ratio": 0.9}, records=(*records_of(PLAN), *later))
    assert "on x86-64, 8 cores [cpu-5f2c9a]" in advice(view)
    assert "nothing suffices by timings that can be trusted (those that would are noisy) on" in advice(view)
    table = recommendation_table(view.recommendations, view.machines)
    assert table is not None
    assert table.header[1] == "on"


def lasting(record: Record, *models: str) -> Record:
    """Of these models, a record after a removal keeps the validation accuracy of its whole network."""
    if record.trial.model not in models or record.trial.baseline is None:
        return record
    whole = next(r for r in records_of(MODELS) if r.trial.id == record.trial.baseline)
    kept = next(m.value for m in whole.measurements if m.split == "validation")
    found = (m.model_copy(update={"value": kept}) if m.split == "validation" else m for m in record.measurements)
    return record.model_copy(update={"measurements": tuple(found)})


MODELS = elsewhere(PLAN, models=("frail", "tough"), seeds=(0,), counts=(2,), criteria=("last",), contrast=None)
ADVICE = "remove 2 of 8 attention sublayers by last (6, 7)"


def test_networks_that_lose_different_amounts_by_the_same_removal_are_told_apart() -> None:
    records = tuple(lasting(record, "tough") for record in records_of(MODELS))
    frail, _, tough = advice(seen({"macs_ratio": 0.95}, plan=MODELS, records=records)).partition(f"; {ADVICE} in tough")
    assert f"{ADVICE} in frail" in frail
    assert "that loses 0.0 points" not in frail
    assert "that loses 0.0 points" in tough


def test_a_setting_is_named_with_the_machines_that_it_holds_on() -> None:
    gpu = elsewhere(MODELS, models=("tough",), machine_class="gpu-aa")
    both = (*records_of(MODELS), *records_of(gpu))
    records = tuple(lasting(record, "frail", "tough") for record in both)
    text = advice(seen({"macs_ratio": 0.95}, plan=MODELS, records=records))
    cpu = "x86-64, 8 cores [cpu-5f2c9a]"
    assert f"{ADVICE} in frail and tough on {cpu} and in tough on x86-64, 8 cores [gpu-aa]: that loses 0.0" in text
