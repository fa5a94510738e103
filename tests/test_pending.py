"""What is still to be measured: exact numbers count from anywhere, noisy ones from this machine only."""

from __future__ import annotations

import pytest
from small_studies import small, written

from harness.briefs import brief
from harness.pending import Standing, assignments, standings, tally
from harness.plan import Plan, make_plan
from harness.records import Environment, Failure, Measurement, Record, Run, TrialInfo
from harness.study_file import load_study


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """Two candidates and their baseline, one exact metric (and its double) and one noisy one."""
    folder = tmp_path_factory.mktemp("plan")
    path = written(folder, small(counts=[1, 2], collectors=["macs", "latency"]))
    return make_plan(load_study(path), folder)


def run(plan: Plan, trial: TrialInfo, machine: str = "here", number: int = 1, failure: Failure | None = None) -> Record:
    """A run that answered everything, or failed."""
    asked = tuple(a for collector in plan.collectors for a in collector.asked())
    measured = (
        ()
        if failure
        else tuple(
            Measurement(metric=a.metric, unit="s", better="lower", kind="noisy", at=a.at, value=1.0) for a in asked
        )
    )
    where = Environment(
        harness={},
        project={},
        machine_class=machine,
        machine={},
        software_class="s",
        versions={},
        device="cpu",
        threads=1,
    )
    moment = f"2026-01-01T00:00:{number:02d}+00:00"
    return Record(
        status="failed" if failure else "ok",
        reason=failure.message if failure else None,
        trial=trial,
        run=Run(id=f"r{number}", started=moment, finished=moment, executor="inline", asked=asked),
        failure=failure,
        measurements=measured,
        environment=where,
    )


def broken(retry: bool) -> Failure:
    return Failure(**{"class": "killed" if retry else "error"}, message="no", retry=retry)


def standing(plan: Plan, *runs: Record, machine: str | None = "here") -> Standing:
    return standings(plan, map(brief, runs), machine)[0]


def test_everything_is_missing_before_the_first_run(plan: Plan) -> None:
    found = standing(plan)
    assert {a.metric for a in found.missing} == {"macs", "flops", "latency_s"}
    assert tally(standings(plan, (), "here")) == {"done": 0, "failed": 0, "new": 3}


def test_a_run_on_this_machine_leaves_nothing_to_do(plan: Plan) -> None:
    assert standing(plan, run(plan, plan.trials[0])).is_done


def test_a_run_elsewhere_leaves_what_is_noisy(plan: Plan) -> None:
    assert [a.metric for a in standing(plan, run(plan, plan.trials[0], "there")).missing] == ["latency_s"]


def test_where_nobody_knows_the_machine_any_run_counts(plan: Plan) -> None:
    assert standing(plan, run(plan, plan.trials[0], "there"), machine=None).is_done


def test_an_error_is_held_back_until_it_is_asked_for(plan: Plan) -> None:
    stand = standings(plan, [brief(run(plan, plan.trials[0], failure=broken(retry=False)))], "here")
    assert stand[0].is_held_back
    assert len(assignments(plan, stand)) == 2
    again = assignments(plan, stand, retry_failed=True)
    assert (len(again), again[0].attempt) == (3, 2)


def test_a_killed_trial_is_tried_again_by_itself(plan: Plan) -> None:
    stand = standings(plan, [brief(run(plan, plan.trials[0], failure=broken(retry=True)))], "here")
    assert len(assignments(plan, stand)) == 3


def test_a_failure_after_a_good_run_takes_nothing_away(plan: Plan) -> None:
    runs = [run(plan, plan.trials[0], number=1), run(plan, plan.trials[0], number=2, failure=broken(retry=False))]
    assert standing(plan, *runs).is_done


def test_a_limit_takes_the_first_candidates_with_what_they_are_compared_with(plan: Plan) -> None:
    limited = assignments(plan, standings(plan, (), "here"), limit=1)
    assert [a.trial.count for a in limited] == [0, 1]


def test_fresh_asks_for_everything_again(plan: Plan) -> None:
    stand = standings(plan, [brief(run(plan, trial, number=n)) for n, trial in enumerate(plan.trials)], "here")
    assert assignments(plan, stand) == ()
    assert [len(a.asked) for a in assignments(plan, stand, fresh=True)] == [3, 3, 3]


def test_what_a_collector_failed_at_is_asked_again_but_not_for_ever(plan: Plan) -> None:
    def failed(number: int) -> Record:
        record = run(plan, plan.trials[0], number=number)
        broken = record.measurements[0].model_copy(update={"value": None, "reason": "collector_failed: no luck"})
        return record.model_copy(update={"measurements": (broken, *record.measurements[1:])})

    assert [asked.metric for asked in standing(plan, failed(1)).missing] == ["macs"]
    assert standing(plan, failed(1), failed(2)).is_done


def test_what_cannot_be_measured_here_is_an_answer(plan: Plan) -> None:
    record = run(plan, plan.trials[0])
    absent = record.measurements[0].model_copy(update={"value": None, "reason": "no_counter: none here"})
    assert standing(plan, record.model_copy(update={"measurements": (absent, *record.measurements[1:])})).is_done
