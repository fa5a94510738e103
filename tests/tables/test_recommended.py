"""Recommendations: chosen on validation, by the mean, on sound timings, and never by chance."""

from __future__ import annotations

from collections.abc import Sequence

from builders import Plan, elsewhere, index_of, records_of
from timed_records import changed

from harness.bounds import Bounds
from harness.records import Measurement, Record
from harness.report.view import View, view_of
from harness.store import Reading
from harness.tables.files import csv_of
from harness.tables.operating_points import OperatingPoint
from harness.tables.recommended import Recommendation
from harness.tables.recommending import recommendation_table, set_table

PLAN = Plan(seeds=(0, 1), draws=2, counts=(2, 4), noisy_counts=())
KEPT = {("entropy", 2): 0.95, ("entropy", 4): 0.93, ("similarity", 2): 0.94, ("similarity", 4): 0.90}
ELSE = {"last": 0.80, "random": 0.85}  # at any count
WHOLE = 0.96


def seen(
    *limits: dict[str, float], plan: Plan = PLAN, records: Sequence[Record] | None = None, shift: float = 0.0
) -> View:
    """A study of known validation accuracies; the second network keeps so much less than the first."""
    held = tuple(_kept(record, shift) for record in (records_of(plan) if records is None else records))
    asked = tuple(Bounds.model_validate(limit) for limit in limits) or None
    return view_of(index_of(plan).model_copy(update={"recommend": asked}), Reading(held, ()))


def _kept(record: Record, shift: float) -> Record:
    info = record.trial
    value = KEPT.get((info.criterion or "", info.count or 0), ELSE.get(info.criterion or "", WHOLE))
    lost = shift if info.criterion and info.model_seed else 0.0
    rest = [m for m in record.measurements if (m.metric, m.split) != ("top1", "validation")]
    top1 = Measurement(metric="top1", unit="1", better="higher", kind="exact", split="validation", value=value - lost)
    return record.model_copy(update={"measurements": (*rest, top1)})


def only(view: View) -> Recommendation:
    (found,) = view.recommendations
    return found


def chosen(view: View) -> tuple[str, float]:
    point = only(view).point
    assert isinstance(point, OperatingPoint)
    return point.criterion, point.level


def test_where_accuracy_is_limited_the_fastest_is_taken() -> None:
    assert chosen(seen({"top1_drop": 0.03})) == ("entropy", 4)
    assert only(seen({"top1_drop": 0.03})).aim == "speedup"
    assert chosen(seen({"top1_drop": 0.01})) == ("entropy", 2)


def test_where_a_cost_is_limited_the_most_accurate_is_taken() -> None:
    assert chosen(seen({"macs_ratio": 0.95})) == ("entropy", 2)
    assert chosen(seen({"macs_ratio": 0.85})) == ("entropy", 4)


def test_limits_of_one_entry_hold_together() -> None:
    assert chosen(seen({"top1_drop": 0.03, "macs_ratio": 0.85})) == ("entropy", 4)
    assert only(seen({"top1_drop": 0.02, "macs_ratio": 0.85})).reason == "nothing suffices"


def test_nothing_that_meets_it_is_said_with_what_comes_nearest() -> None:
    found = only(seen({"top1_drop": 0.001}))
    assert found.point is None
    assert found.nearest is not None
    table = recommendation_table([found], {})
    assert table is not None
    assert "nothing suffices (nearest: 2 of 8 attention sublayers by entropy, at 1 point)" in table.rows[0]


def test_without_timings_macs_decide() -> None:
    untimed = [changed(record, "latency_s", value=None) for record in records_of(PLAN)]
    assert only(seen({"top1_drop": 0.03}, records=untimed)).aim == "macs_saved"
    assert chosen(seen({"top1_drop": 0.03}, records=untimed)) == ("entropy", 4)


def test_a_noisy_timing_supports_nothing() -> None:
    noisy = elsewhere(PLAN, noisy_counts=(2, 4))
    found = only(seen({"latency_ratio": 0.9}, plan=noisy))
    assert found.point is None
    assert found.reason == "nothing suffices by timings that can be trusted (those that would are noisy)"
    assert only(seen({"top1_drop": 0.03}, plan=noisy)).aim == "macs_saved"


def test_what_was_not_measured_is_named() -> None:
    assert only(seen({"energy_ratio": 0.9})).reason == "not known: energy_ratio was not measured here"


def test_a_random_choice_is_never_recommended_but_named_where_it_would_do_as_well() -> None:
    plan = elsewhere(PLAN, criteria=("last", "random"), contrast=None)
    found = only(seen({"macs_ratio": 0.95}, plan=plan))
    assert found.point is not None
    assert found.point.criterion == "last"
    assert found.by_chance == ("random",)
    alone = elsewhere(PLAN, criteria=("random",), contrast=None)
    assert only(seen({"macs_ratio": 0.95}, plan=alone)).reason == "only a random choice suffices"


def test_a_criterion_that_others_beat_at_every_amount_is_dominated() -> None:
    assert set(only(seen({"top1_drop": 0.03})).dominated) == {"similarity", "last", "random"}


def test_a_limit_is_met_by_the_mean_and_sure_by_the_interval() -> None:
    assert only(seen({"top1_drop": 0.03})).is_sure is True
    spread = only(seen({"top1_drop": 0.04}, shift=0.01))
    assert spread.point is not None
    assert spread.is_sure is False


def test_test_data_have_no_say() -> None:
    better = [_with_test(record) for record in records_of(PLAN)]
    assert chosen(seen({"top1_drop": 0.03}, records=better)) == ("entropy", 4)


def _with_test(record: Record) -> Record:
    """On the test part `last` loses nothing at all."""
    is_last = record.trial.criterion == "last"
    return changed(record, "top1", value=WHOLE) if is_last else record


def test_the_usual_limits_are_those_that_something_was_measured_for() -> None:
    assert [dict(one.bounds) for one in seen().recommendations] == [
        {"top1_drop": 0.01},
        {"macs_ratio": 0.9},
        {"latency_ratio": 0.9},
    ]
    costless = elsewhere(PLAN, has_costs=False)
    assert [dict(one.bounds) for one in seen(plan=costless).recommendations] == [{"top1_drop": 0.01}]


def test_an_empty_list_asks_for_none() -> None:
    asked = index_of(PLAN).model_copy(update={"recommend": ()})
    assert view_of(asked, Reading(records_of(PLAN), ())).recommendations == ()


def test_machines_get_a_recommendation_each_by_their_own_timings() -> None:
    other = elsewhere(PLAN, machine_class="gpu-aa", noisy_counts=(2, 4))
    second = [r.model_copy(update={"run": r.run.model_copy(update={"id": f"{r.run.id}b"})}) for r in records_of(other)]
    found = seen({"latency_ratio": 0.9}, records=[*records_of(PLAN), *second]).recommendations
    assert {one.place["machine_class"]: one.point is not None for one in found} == {"cpu-5f2c9a": True, "gpu-aa": False}


def test_sublayers_are_named_for_every_network() -> None:
    table = set_table(seen({"top1_drop": 0.03}).recommendations, {})
    assert table is not None
    assert sum(1 if "/" in row[1] else 2 for row in table.rows) == 2
    assert all(row[2].startswith("blocks.") for row in table.rows)


def test_models_with_the_same_recommendation_are_listed_each() -> None:
    plan = elsewhere(PLAN, models=("vit_digits", "deit_digits"))
    table = set_table(seen({"top1_drop": 0.03}, plan=plan).recommendations, {})
    assert table is not None
    assert table.header == ("recommended", "on", "networks", "sublayers")
    assert {row[1].partition(",")[0] for row in table.rows} == {"vit_digits", "deit_digits"}
    units = [unit for row in table.rows for unit in row[2].split(", ")]
    assert len([unit for unit in units if unit.startswith("deit_digits/") or unit == "all 2"]) >= 1


def test_numbers_of_recommendations_are_numbers_in_their_file() -> None:
    table = recommendation_table(seen({"top1_drop": 0.03, "peak_ratio": 1.0}, shift=0.01).recommendations, {})
    assert table is not None
    header = csv_of(table).splitlines()[0].split(",")
    assert {"loses on validation", "speed-up", "of peak memory (%)"} <= set(header)
    assert '"speed-up, low"' in csv_of(table)


def test_a_count_is_met_for_sure_where_every_structure_meets_it() -> None:
    def is_sure(macs: float) -> bool | None:
        return only(seen({"macs_ratio": 0.95}, records=[_counted(record, macs) for record in records_of(PLAN)])).is_sure

    assert is_sure(6.5e6) is True
    assert is_sure(6.9e6) is False


def _counted(record: Record, macs: float) -> Record:
    """Every network its own structure, and after a removal the second with so many MACs, the first with 6 M of 7 M."""
    own = tuple(m.model_copy(update={"shared_from": None}) for m in record.measurements)
    removed = macs if record.trial.model_seed else 6e6
    whole = record.model_copy(update={"measurements": own})
    return changed(whole, "macs", value=removed if record.trial.criterion else 7e6)
