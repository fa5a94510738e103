"""Two sides trial by trial: what is equal, better, worse, noise and unknown, and why."""

from __future__ import annotations

import math
from statistics import median
from typing import Any

import pytest
from builders import elsewhere, failed, records_of, without
from sided import PLAN, again, changed, measured, on_machine, one, side, sides

from harness.records import Record
from harness.regressions.comparison import Comparison, compare
from harness.regressions.finding import Finding, Limits
from harness.regressions.noisy import EVERYWHERE

NOW = again(records_of(PLAN))
TRIAL = one(NOW, "entropy")
LATENCY = "latency_s (batch 1): ratio to baseline"


def _compared(second: tuple[Record, ...], **limits: Any) -> Comparison:
    return compare(*sides(second), Limits(**limits))


def _of(found: Comparison, what: str, record: Record = TRIAL) -> Finding:
    (only,) = [f for f in found.findings if (f.trial, f.what) == (record.trial.id, what)]
    return only


def _change(metric: str, **changes: Any) -> tuple[Record, ...]:
    return changed(NOW, TRIAL, lambda record: measured(record, metric, **changes))


def test_the_same_code_again_is_equal_or_noise_and_never_worse() -> None:
    found = _compared(NOW)
    assert not found.marked("-", "+")
    assert _of(found, "removed").mark == "=" == _of(found, "top1 test").mark
    assert _of(found, LATENCY).mark == "~"


def test_a_slower_candidate_is_worse_by_the_ratio_to_its_baseline() -> None:
    found = _of(_compared(again(records_of(PLAN), slower=1.1)), LATENCY)
    assert found.mark == "-"
    assert found.change == pytest.approx(0.1, abs=0.02)
    assert found.p is not None
    assert found.p < 0.01


def test_a_faster_candidate_is_better() -> None:
    assert _of(_compared(again(records_of(PLAN), slower=0.9)), LATENCY).mark == "+"


def test_a_machine_that_is_slower_for_both_alike_is_no_regression_of_a_ratio() -> None:
    def slower(record: Record) -> Record:
        held = [m for m in record.measurements if m.metric == "latency_s"]
        samples = {name: tuple(2 * s for s in getattr(held[0], name)) for name in ("samples", "baseline_samples")}
        return measured(record, "latency_s", **samples)

    assert _of(_compared(changed(NOW, TRIAL, slower)), LATENCY).mark == "~"


def test_raw_times_of_a_baseline_are_unknown_until_their_spread_is_stated() -> None:
    baseline = one(NOW, None)
    assert "pace of the machine" in _of(_compared(NOW), "latency_s (batch 1)", baseline).note
    assert _of(_compared(NOW, between=0.05), "latency_s (batch 1)", baseline).mark == "~"


def test_one_item_less_is_worse_and_one_more_is_better() -> None:
    value = next(m.value for m in TRIAL.measurements if (m.metric, m.split) == ("top1", "test")) or 0.0
    for moved, mark in ((-1 / 360, "-"), (1 / 360, "+")):
        records = changed(NOW, TRIAL, lambda r: _with_test(r, value + moved))  # noqa: B023  # called at once
        assert _of(_compared(records), "top1 test").mark == mark


def _with_test(record: Record, value: float) -> Record:
    found = (m.model_copy(update={"value": value}) if m.split == "test" else m for m in record.measurements)
    return record.model_copy(update={"measurements": tuple(found)})


def test_more_macs_and_another_set_are_worse() -> None:
    assert _of(_compared(_change("macs", value=9e9)), "macs").mark == "-"
    other = changed(NOW, TRIAL, lambda r: r.model_copy(update={"removed": ("blocks.7.attn",)}))
    assert _of(_compared(other), "removed").mark == "-"


def test_a_trial_that_fails_now_is_worse_and_one_that_is_missing_unknown() -> None:
    (found,) = [f for f in _compared(changed(NOW, TRIAL, failed)).findings if f.trial == TRIAL.trial.id]
    assert (found.mark, found.what) == ("-", "trial")
    assert "oom_host: the host ran out of memory" in found.note
    rest = tuple(record for record in NOW if record.trial.id != TRIAL.trial.id)
    gone = _of(_compared(rest), "trial")
    assert (gone.mark, gone.is_missing, gone.note) == ("?", True, "missing on the second side")


def test_a_trial_that_is_new_is_unknown_and_not_missing() -> None:
    rest = tuple(record for record in again(records_of(PLAN), seed=0) if record.trial.id != TRIAL.trial.id)
    new = _of(compare(side("before", rest), side("now", NOW), Limits()), "trial")
    assert (new.mark, new.is_missing, new.note) == ("?", False, "missing on the first side")


def test_a_failed_proof_is_worse() -> None:
    broken = TRIAL.proof.model_copy(update={"status": "failed", "reason": "0.1 apart"}) if TRIAL.proof else None
    found = _of(_compared(changed(NOW, TRIAL, lambda r: r.model_copy(update={"proof": broken}))), "proof")
    assert (found.mark, found.note) == ("-", "0.1 apart")


def test_a_proof_that_is_gone_is_missing() -> None:
    found = _of(_compared(changed(NOW, TRIAL, lambda r: r.model_copy(update={"proof": None}))), "proof")
    assert (found.mark, found.is_missing, found.note) == ("?", True, "no proof on the second side")


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"quality": "tainted"}, "its samples are tainted on the second side"),
        ({"value": None, "reason": "no_counter"}, "null on the second side: no_counter"),
        ({"samples": (1.0,), "baseline_samples": (2.0,)}, "too few samples (40 and 1)"),
        ({"samples": (), "baseline_samples": ()}, "second side: its samples were not kept"),
        ({"at": {"batch": 1, "revision": 2}}, "measured by another revision of its collector on the second side"),
    ],
)
def test_what_cannot_be_judged_is_unknown_with_its_reason(changes: dict[str, Any], note: str) -> None:
    found = _of(_compared(_change("latency_s", **changes)), LATENCY)
    assert found.mark == "?"
    assert note in found.note
    assert not found.is_missing


def test_noisy_samples_are_not_believed_to_have_moved() -> None:
    slow = changed(NOW, TRIAL, lambda r: measured(again([r], slower=1.5)[0], "latency_s", quality="noisy"))
    found = _of(_compared(slow), LATENCY)
    assert found.mark == "?"
    assert "moved, but its samples are noisy" in found.note


def test_of_noisy_samples_no_change_could_have_been_seen() -> None:
    found = _compared(_change("latency_s", quality="noisy"))
    alone = _of(found, LATENCY)
    assert (alone.mark, alone.detectable) == ("~", None)
    assert alone in found.doubted
    assert alone not in found.unseen


def test_a_run_that_is_noisy_is_doubted_beside_a_newer_one_that_is_not() -> None:
    noisy = again([measured(TRIAL, "latency_s", quality="noisy")], slower=1.5)
    found = _of(_compared((*noisy, *again(records_of(PLAN), seed=2, slower=1.5))), LATENCY)
    assert found.note == "moved, but its samples are noisy on the second side"


def test_the_change_is_the_shift_that_was_tested() -> None:
    found = _of(_compared(again(records_of(PLAN), slower=1.1)), LATENCY)
    whole = one(records_of(PLAN), "entropy")
    sides_of = (again([whole], seed=0)[0], again([whole], slower=1.1)[0])
    before, now = ([math.log(ratio) for ratio in _ratios(record)] for record in sides_of)
    assert found.change == pytest.approx(math.expm1(median(b - a for a in before for b in now)))


def _ratios(record: Record) -> list[float]:
    m = next(m for m in record.measurements if m.metric == "latency_s")
    return [own / base for own, base in zip(m.samples, m.baseline_samples, strict=True)]


def test_runs_of_two_commits_of_a_project_are_not_pooled() -> None:
    def of_project(record: Record, commit: str, *, is_dirty: bool = False) -> Record:
        made = record.environment and record.environment.model_copy(
            update={"project": {"commit": commit, "dirty": is_dirty}, "harness": {"version": "1.0"}}
        )
        return record.model_copy(update={"environment": made})

    newer = again(records_of(PLAN), seed=2, slower=1.5)
    for older in ({"commit": "a"}, {"commit": "b", "is_dirty": True}):
        both = (*(of_project(r, **older) for r in NOW), *(of_project(r, "b") for r in newer))
        alone = _of(_compared(tuple(of_project(r, "b") for r in newer)), LATENCY)
        assert _of(_compared(both), LATENCY).second == alone.second


def test_a_collector_that_fails_now_is_worse() -> None:
    found = _of(_compared(_change("latency_s", value=None, reason="collector_failed: ValueError")), LATENCY)
    assert found.mark == "-"
    assert _of(_compared(_change("macs", value=None, reason="collector_failed: ValueError")), "macs").mark == "-"


def test_accuracy_on_other_data_is_not_compared() -> None:
    def on_other_data(record: Record) -> Record:
        part = record.data["test"].model_copy(update={"sha256": "0" * 64})
        return record.model_copy(update={"data": {**record.data, "test": part}})

    found = _of(_compared(changed(NOW, TRIAL, on_other_data)), "top1 test")
    assert (found.mark, found.note) == ("?", "the two sides saw other data")


def test_another_machine_class_has_a_tolerance_for_outcomes_and_none_for_structure() -> None:
    value = next(m.value for m in TRIAL.measurements if (m.metric, m.split) == ("top1", "test")) or 0.0
    moved = on_machine(changed(NOW, TRIAL, lambda r: _with_test(r, value - 1 / 360)), "gpu-77")
    found = _compared(moved)
    assert _of(found, "top1 test").mark == "~"
    assert _of(_compared(moved, tolerance=0.0), "top1 test").mark == "-"
    assert _of(found, LATENCY).note == "another machine class (cpu-5f2c9a and gpu-77)"
    assert _of(_compared(on_machine(_change("macs", value=9e9), "gpu-77")), "macs").mark == "-"


def test_trials_of_equal_spec_are_paired_whatever_they_are_called() -> None:
    renamed = tuple(
        r.model_copy(update={"trial": r.trial.model_copy(update={"id": f"x-{r.trial.digest}", "study": "other"})})
        for r in NOW
    )
    found = _compared(renamed)
    assert not [f for f in found.findings if f.is_missing]
    assert {f.trial for f in found.findings} <= {f"x-{r.trial.digest}" for r in NOW} | {EVERYWHERE}


def test_a_measurement_that_trials_share_is_judged_once() -> None:
    found = [f for f in _compared(NOW).findings if f.what == LATENCY and f.trial != EVERYWHERE]
    assert len(found) == 2  # two structures, four trials
    assert {f.also for f in found} == {1}


def test_many_small_movements_are_seen_together() -> None:
    plan = elsewhere(PLAN, criteria=("entropy",), counts=tuple(range(1, 17)), of=20)
    slower = again(records_of(plan), slower=1.045, noise=0.06)
    first = side("before", again(records_of(plan), seed=0, noise=0.06), plan)
    told = compare(first, side("now", slower, plan), Limits())
    found = told.marked("-")
    together = [f for f in found if f.trial == EVERYWHERE]
    assert {f.what for f in together} == {LATENCY, "images_per_s (batch 64): ratio to baseline"}
    assert {f.note for f in together} == {"mean of 16 measurements"}
    assert len(found) - len(together) < 16  # of 32, by themselves
    assert EVERYWHERE not in {f.trial for f in told.unseen}  # what could not have been seen is told of single trials


def test_a_metric_that_only_one_side_measured_is_unknown() -> None:
    for metric, what in (("macs", "macs"), ("latency_s", LATENCY)):
        gone = _of(_compared(changed(NOW, TRIAL, lambda r: without(r, metric))), what)  # noqa: B023  # called at once
        assert (gone.note, gone.is_missing) == ("not measured on the second side", True)
    bare = tuple(without(record, "macs") for record in again(records_of(PLAN), seed=0))
    found = compare(side("before", bare), side("now", NOW), Limits())
    assert _of(found, "macs").note == "not measured on the first side"
