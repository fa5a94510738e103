"""What trials share at each stage, and which of them makes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from small_studies import small, written

from harness.plan import Plan, make_plan
from harness.study_file import load_study


def plan_of(folder: Path, **changes: Any) -> Plan:
    return make_plan(load_study(written(folder, small(**changes))), folder / "results")


def makers(plan: Plan, stage: str) -> dict[str, list[str]]:
    """By the trial that makes something at this stage those that share it, itself among them."""
    found: dict[str, list[str]] = {}
    for trial, own in plan.sharing.makers(plan.trials).items():
        if stage in own:
            found.setdefault(own[stage], []).append(trial)
    return found


def test_one_trial_makes_what_others_share(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, criteria=["last", "first"], counts=[1, 2], seeds=[0, 1])
    assert [len(shared) for shared in makers(plan, "prepare").values()] == [5, 5]
    assert [len(shared) for shared in makers(plan, "select").values()] == [2, 2, 2, 2]  # both counts of a criterion
    assert makers(plan, "recover") == {}
    assert len(makers(plan, "evaluate")) == 10
    assert all(maker == shared[0] for stage in ("prepare", "select") for maker, shared in makers(plan, stage).items())


def test_of_some_trials_the_first_makes_it_whoever_would_among_all(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, counts=[1, 2])
    left = [trial for trial in plan.trials if not trial.is_baseline]
    assert {own["prepare"] for own in plan.sharing.makers(left).values()} == {left[0].id}


def test_weights_are_shared_by_transforms_that_come_after_them(tmp_path: Path) -> None:
    tome: dict[str, Any] = {"name": "tome", "r": 1}
    late = plan_of(tmp_path, transforms=["none", tome])
    assert len(makers(late, "prepare")) == 1
    assert len(makers(late, "select")) == 2
    early = plan_of(tmp_path, transforms=["none", {**tome, "from": "prepare"}])
    assert len(makers(early, "prepare")) == 2
