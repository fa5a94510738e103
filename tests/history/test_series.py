"""One point for each state of the code, in the order of commits where a repository tells, else of time."""

from __future__ import annotations

import math
from typing import Any

import pytest
from accumulating import PLAN, accumulating, at_commit, commit, line, scaled, with_value
from builders import failed, records_of

from harness.history.commits import line_from
from harness.history.findings import Step, steps_of
from harness.history.series import Accumulated, Series, accumulated
from harness.records import Record

RATIO = "latency_s (batch 1), ratio to baseline"


def _series(held: Accumulated, metric: str, trial: str = "entropy") -> Series:
    (found,) = (one for one in held.series if one.name.metric == metric and trial in one.name.trial)
    return found


def _steps(held: Accumulated, count: int, metric: str) -> tuple[Step, ...]:
    return steps_of(_series(held, metric), line(count))


def test_points_stand_in_the_order_of_commits_whenever_they_ran() -> None:
    held = accumulated(accumulating([2, 0, 1]), line(3))
    assert [code.commit for code in held.states] == [commit(0), commit(1), commit(2)]
    assert [point.code.commit for point in _series(held, "macs").points] == [commit(0), commit(1), commit(2)]
    assert held.ordering == "in the order of commits"


@pytest.mark.parametrize("known", [None, line(2)])
def test_without_a_repository_that_knows_all_they_stand_in_order_of_time(known: object) -> None:
    held = accumulated(accumulating([2, 0, 1]), known)  # type: ignore[arg-type]
    assert [code.commit for code in held.states] == [commit(2), commit(0), commit(1)]
    assert held.ordering.startswith("in order of time: ")


def test_runs_at_one_state_are_one_point() -> None:
    held = accumulated(accumulating([0, 0, 1]), line(2))
    points = _series(held, RATIO).points
    assert [point.runs for point in points] == [2, 1]
    single = accumulated([*accumulating([0])][-1:] + [*accumulating([1])][-1:], line(2))
    assert _series(single, RATIO).points[1].value == pytest.approx(points[1].value)


def test_other_software_or_changed_files_are_another_state() -> None:
    dirty = {"version": "0.1.0", "commit": commit(0), "dirty": True}
    records = [*accumulating([0]), *accumulating([0], software_class="sw-2"), *accumulating([0], harness=dirty)]
    held = accumulated(records, line(1))
    assert [code.label for code in held.states] == [commit(0)[:8], commit(0)[:8], commit(0)[:8] + "+"]


def test_kinds_of_machine_are_never_in_one_series() -> None:
    records = [*accumulating([0, 1]), *accumulating([0, 1], machine_class="other"), *accumulating([0, 1], threads=7)]
    held = accumulated(records, line(2))
    assert len([one for one in held.series if one.name.metric == RATIO]) == 3


def test_a_candidate_is_held_against_the_baseline_beside_it_and_a_baseline_is_not() -> None:
    held = accumulated(accumulating([0, 1], noise=0.0), line(2))
    (m,) = (m for m in records_of(PLAN)[1].measurements if m.metric == "latency_s")
    ratios = [math.log(own / other) for own, other in zip(m.samples, m.baseline_samples, strict=True)]
    assert _series(held, RATIO).points[0].value == pytest.approx(math.exp(sum(ratios) / len(ratios)))
    assert _series(held, "latency_s (batch 1)", "baseline").kind.unit == "s"


def test_an_exact_change_is_a_step_found_exactly_and_its_commit_is_named() -> None:
    def planted(number: int, record: Record) -> Record:
        return with_value(record, "top1", "test", 0.5 if number >= 3 else 0.6)

    (step,) = _steps(accumulated(accumulating(range(6), planted), line(6)), 6, "top1 test")
    assert (step.before, step.after, step.turn, step.p) == (0.6, 0.5, "worse", None)
    assert (step.first, step.commits, step.why_not) == (commit(3), (commit(3),), None)
    assert step.change == pytest.approx(-0.1)


def test_where_commits_lie_between_the_range_is_told_and_none_is_named() -> None:
    def planted(number: int, record: Record) -> Record:
        return with_value(record, "macs", None, 7.0 if number >= 3 else 8.0)

    (step,) = _steps(accumulated(accumulating([0, 1, 4, 5], planted), line(6)), 6, "macs")
    assert step.first is None
    assert step.commits == (commit(2), commit(3), commit(4))
    assert step.why_not == "3 commits lie between the two points"
    assert step.turn == "better"
    assert step.change == pytest.approx(-1 / 8)


def test_a_commit_is_not_blamed_where_software_or_files_changed_with_it() -> None:
    def planted(number: int, record: Record) -> Record:
        return with_value(record, "macs", None, float(8 - number))

    newer: dict[str, Any] = {
        "software_class": "sw-2",
        "versions": {"python": "3.11.9", "torch": "3.0", "timm": "1.0.31"},
    }
    records = [*accumulating([0], planted), *accumulating([1], planted, **newer)]
    (step,) = _steps(accumulated(records, line(2)), 2, "macs")
    assert (step.first, step.why_not) == (None, "the software changed with it")
    assert "torch 2.14.1 -> 3.0" in step.also
    dirty = {"version": "0.1.0", "commit": commit(1), "dirty": True}
    records = [*accumulating([0], planted), *accumulating([1], planted, harness=dirty)]
    (step,) = _steps(accumulated(records, line(2)), 2, "macs")
    assert (step.first, step.why_not) == (None, "files were changed that no commit holds")


def test_a_slow_down_is_found_in_the_ratio_and_laid_to_its_commit() -> None:
    def planted(number: int, record: Record) -> Record:
        return scaled(record, "latency_s", 1.05) if number >= 7 and not record.trial.is_baseline else record

    held = accumulated(accumulating(range(16), planted), line(16))
    (step,) = _steps(held, 16, RATIO)
    assert (step.turn, step.first) == ("worse", commit(7))
    assert step.change == pytest.approx(0.05, abs=0.015)
    assert [s for one in held.series if one is not step.series for s in steps_of(one, line(16))] == []


def test_a_trial_that_begins_to_fail_is_a_step_for_the_worse() -> None:
    def planted(number: int, record: Record) -> Record:
        return failed(record) if number >= 2 and not record.trial.is_baseline else record

    (step,) = _steps(accumulated(accumulating(range(4), planted), line(4)), 4, "status")
    assert (step.before, step.after, step.turn, step.first) == ("ok", "failed: oom_host", "worse", commit(2))


def test_another_removed_set_is_a_change() -> None:
    def planted(number: int, record: Record) -> Record:
        return record.model_copy(update={"removed": ("blocks.0.attn",)}) if number and record.removed else record

    (step,) = _steps(accumulated(accumulating(range(2), planted), line(2)), 2, "removed")
    assert (step.turn, step.after, step.change) == ("changed", "blocks.0.attn", None)


def test_tainted_shared_and_limited_measurements_are_no_points() -> None:
    base, own = records_of(PLAN)
    tainted = scaled(own, "latency_s", 1.0)
    tainted = tainted.model_copy(
        update={"measurements": tuple(m.model_copy(update={"quality": "tainted"}) for m in tainted.measurements)}
    )
    limited = own.model_copy(update={"run": own.run.model_copy(update={"limited": True})})
    records = [at_commit(one, number, number) for number in (0, 1) for one in (base, tainted, limited)]
    held = accumulated(records, line(2))
    assert [one for one in held.series if "ratio" in one.name.metric] == []
    assert held.left_out > 2


def test_two_values_at_one_state_are_kept_and_the_newest_counts() -> None:
    def planted(number: int, record: Record) -> Record:
        return with_value(record, "top1", "test", 0.5 if record.run.id.startswith("r1-") else 0.6)

    points = _series(accumulated(accumulating([0, 0, 1], planted), line(2)), "top1 test").points
    assert [(point.value, point.others) for point in points] == [(0.5, (0.6,)), (0.6, ())]


def test_merges_are_passed_along_first_parents() -> None:
    """0 - 1 - 4, and 2 - 3 beside it, merged in 4."""
    found = line_from("c0\nc2 c0\nc3 c2\nc1 c0\nc4 c1 c3\nc5 c4\n")
    assert found.between("c0", "c5") == ("c1", "c4", "c5")
    assert found.between("c3", "c4") is None
    assert found.between("c5", "c1") is None
    assert found.places["c3"] < found.places["c4"]
