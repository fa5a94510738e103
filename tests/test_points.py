"""Points with their entries: budgets, counts that a criterion brings, transforms, references, and what cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_studies import TINY_MODEL, small, written

from harness.errors import SpecError
from harness.plan import Plan, make_plan
from harness.study_file import load_study

DEEP: dict[str, Any] = {**TINY_MODEL, "options": {**TINY_MODEL["options"], "depth": 30}}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept")


def planned(kept: Path, **changes: Any) -> Plan:
    return make_plan(load_study(written(kept, small(**changes))), kept)


def problems(kept: Path, **changes: Any) -> str:
    with pytest.raises(SpecError) as caught:
        planned(kept, **changes)
    return str(caught.value)


def test_a_budget_stands_where_a_count_does(kept: Path) -> None:
    plan = planned(kept, counts=None, budgets={"macs": [0.1, 0.2]})
    candidates = [trial for trial in plan.trials if not trial.is_baseline]
    assert [trial.budget for trial in candidates] == ["macs0.1", "macs0.2"]
    assert all(trial.count is None and trial.ratio is None for trial in candidates)
    assert all(f"-{trial.budget}-" in trial.id for trial in candidates)
    assert plan.stage_counts()["select"] == 1


def test_a_fixed_list_brings_its_own_counts(kept: Path) -> None:
    plan = planned(kept, criteria=["last", {"name": "fixed", "ordered": True, "attention": [2, 0]}], counts=[1])
    found = [(trial.criterion, trial.count) for trial in plan.trials if not trial.is_baseline]
    assert [count for criterion, count in found if criterion == "last"] == [1]
    assert [count for criterion, count in found if criterion != "last"] == [1, 2]


def test_a_study_of_fixed_lists_needs_no_counts(kept: Path) -> None:
    plan = planned(kept, criteria=[{"name": "fixed", "label": "theirs", "attention": [0, 2]}], counts=None)
    assert [trial.count for trial in plan.trials if not trial.is_baseline] == [2]


def test_a_baseline_has_the_transform_of_its_candidates(kept: Path) -> None:
    tome = {"name": "tome", "r": 2}
    plan = planned(kept, transforms=["none", tome])
    baselines = {trial.id: trial for trial in plan.trials if trial.is_baseline}
    candidates = [trial for trial in plan.trials if not trial.is_baseline]
    assert [trial.transform for trial in candidates] == ["none", "tome-r_2"]
    for trial in candidates:
        assert trial.baseline is not None
        assert baselines[trial.baseline].spec.get("transforms") == trial.spec.get("transforms")


def test_a_transform_at_its_own_stage_is_the_same_trial(kept: Path) -> None:
    own = planned(kept, transforms=[{"name": "tome", "r": 2}])
    said = planned(kept, transforms=[{"name": "tome", "r": 2, "from": "evaluate"}])
    other = planned(kept, transforms=[{"name": "tome", "r": 2, "from": "cost"}])
    assert [t.digest for t in own.trials] == [t.digest for t in said.trials]
    assert [t.digest for t in own.trials] != [t.digest for t in other.trials]


def test_a_dense_reference_is_a_trial_with_nothing_removed(kept: Path) -> None:
    dense = {**TINY_MODEL, "name": "smaller", "options": {**TINY_MODEL["options"], "depth": 2}}
    plan = planned(kept, references=[{"model": dense}, {"published": "lambda_vit"}], seeds=[0, 1])
    found = [trial for trial in plan.trials if trial.model == "smaller"]
    assert [trial.model_seed for trial in found] == [0, 1]
    assert all(trial.is_baseline and trial.criterion is None for trial in found)
    assert plan.references == ({"model": "smaller"}, {"published": "lambda_vit"})


def test_a_reference_on_noise_does_not_make_the_study_one_of_synthetic_data(kept: Path) -> None:
    noise = {"name": "synthetic", "size": 8, "channels": 1}
    beside = planned(kept, references=[{"model": {**TINY_MODEL, "name": "on_noise", "data": noise}}])
    assert [trial.data for trial in beside.trials if trial.model == "on_noise"] == ["synthetic"]
    assert not beside.is_synthetic
    assert planned(kept, data=noise).is_synthetic


def test_stability_and_optimum_are_asked_for_like_measurements(kept: Path) -> None:
    plan = planned(kept, stability={"subsets": 3}, optimum={"up_to": 2})
    asked = [asked for collector in plan.collectors for asked in collector.asked()]
    assert [(a.metric, a.at) for a in asked if a.metric.startswith(("stability", "optimum"))] == [
        ("stability_tau", {"subsets": 3}),
        ("optimum_gain", {"up_to": 2}),
    ]
    assert [t.id for t in plan.trials] == [t.id for t in planned(kept).trials]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"targets": ["experts_"]}, "targets.0: unknown target 'experts_'"),
        ({"targets": ["joint"], "removals": ["identity"]}, "'identity' is defined for attention, not for 'joint'"),
        ({"budgets": {"macs": 1.5}, "counts": None}, "budgets.macs.0: input should be less than 1"),
        ({"budgets": {"joules": 0.1}, "counts": None}, "budgets.joules"),
        ({"budgets": {"macs": 0.1}}, "needs exactly one of 'counts', 'ratios' and 'budgets'"),
        ({"transforms": [{"name": "tme"}]}, "transforms.0.name: unknown transform 'tme'; did you mean 'tome'?"),
        ({"transforms": [{"name": "tome", "r": 2, "start": 3}]}, "transforms.0: tome.start: 3: no block merges"),
        ({"transforms": [{"name": "tome", "r": 2, "from": "later"}]}, "input should be 'prepare', 'select'"),
        ({"references": [{"published": "lamda_vit"}]}, "references.0.published: unknown"),
        ({"references": [{"model": TINY_MODEL}]}, "is called 'tiny' like models.0; give one of them another label"),
        ({"references": [{"model": TINY_MODEL | {"name": "other"}}]}, "is the same as models.0 under another label"),
        ({"criteria": ["last", {"name": "last", "label": "same"}]}, "criteria.1: is the same as criteria.0 under"),
        ({"report": {"networks": [["tiny", "tinny"]]}}, "report.networks.0.1: unknown network 'tinny'; did you mean"),
        ({"report": {"networks": [["tiny", "tiny"]]}}, "report.networks.0: 'tiny' stands there twice"),
        ({"references": ["deit"]}, "references.0: must be {model: {...}} or {published: NAME}"),
        ({"stability": {"subsets": 1}}, "stability.subsets: input should be greater than or equal to 2"),
        ({"optimum": {"upto": 1}}, "optimum.upto: no such field; did you mean 'up_to'?"),
        ({"criteria": [{"name": "last", "search": "greedy"}]}, "'last' cannot be searched by 'greedy'"),
        ({"stability": {"sizes": [9000]}, "criteria": ["entropy"]}, "stability.sizes.0: a subset of 9000 calibration"),
        ({"optimum": {}, "models": [DEEP]}, "optimum.up_to: 30 units have 1,073,741,824 sets of at most 30; a table"),
        (
            {"criteria": [{"name": "similarity", "search": "consecutive"}]},
            "criteria.0.search: runs are of whole blocks",
        ),
        (
            {"criteria": [{"name": "similarity", "search": "consecutive", "residual": False}], "targets": ["block"]},
            "criteria.0.search: residual: a run of blocks is scored by its stream",
        ),
        ({"criteria": ["last", {"name": "first", "for": {"targets": "mlp"}}]}, "criteria.1.for.targets: mlp is no"),
        ({"counts": None, "budgets": {"macs": []}}, "budgets: leaves no trial at all"),
        ({"plugins": ["nothing.py"]}, "plugins.0: nothing.py"),
    ],
)
def test_what_cannot_be_is_told_before_anything_runs(kept: Path, changes: dict[str, Any], expected: str) -> None:
    assert expected in problems(kept, **changes)


def test_one_transform_from_two_stages_has_two_labels(kept: Path) -> None:
    tome = {"name": "tome", "r": 2}
    plan = planned(kept, transforms=[tome, {**tome, "from": "select"}])
    assert {trial.transform for trial in plan.trials} == {"tome-r_2", "tome-r_2-from_select"}
