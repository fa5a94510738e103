"""Points of a grid: the product of its axes, zipped and excluded as asked; and how a plan counts its stages."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from small_studies import TINY_MODEL, small, written

from harness.plan import Plan, make_plan
from harness.study_file import load_study


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept")


def planned(kept: Path, **changes: Any) -> Plan:
    return make_plan(load_study(written(kept, small(**changes))), kept)


def points(plan: Plan) -> list[tuple[Any, ...]]:
    return [(t.model, t.target, t.criterion, t.draw, t.count, t.model_seed) for t in plan.trials if not t.is_baseline]


def test_a_grid_is_the_product_of_its_axes(kept: Path) -> None:
    found = points(
        planned(kept, targets=["attention", "mlp"], criteria=["last", "entropy"], counts=[1, 2], seeds=[0, 3])
    )
    expected = itertools.product(["tiny"], ["attention", "mlp"], ["last", "entropy"], [None], [1, 2], [0, 3])
    assert sorted(found, key=str) == sorted(expected, key=str)


def test_a_random_criterion_is_drawn_five_times_unless_told_otherwise(kept: Path) -> None:
    assert [p[3] for p in points(planned(kept, criteria=["random"]))] == [0, 1, 2, 3, 4]
    assert [p[3] for p in points(planned(kept, criteria=[{"name": "random", "draws": 2}]))] == [0, 1]


def test_zipped_axes_move_together(kept: Path) -> None:
    other = {**TINY_MODEL, "name": "other", "options": {**TINY_MODEL["options"], "depth": 4}}
    plan = planned(kept, models=[TINY_MODEL, other], counts=[1, 3], zip=[["models", "counts"]])
    assert [(p[0], p[4]) for p in points(plan)] == [("tiny", 1), ("other", 3)]


def test_what_is_excluded_is_not_planned(kept: Path) -> None:
    rules = [{"criterion": "last", "count": [1]}, {"target": "mlp"}]
    plan = planned(kept, criteria=["last", "entropy"], targets=["attention", "mlp"], counts=[1, 2], exclude=rules)
    assert [(p[1], p[2], p[4]) for p in points(plan)] == [
        ("attention", "last", 2),
        ("attention", "entropy", 1),
        ("attention", "entropy", 2),
    ]


def test_a_rule_for_a_seed_leaves_the_others(kept: Path) -> None:
    plan = planned(kept, counts=[1, 2], seeds=[0, 1, 2], exclude=[{"seed": [0, 2], "count": 1}])
    assert [(p[4], p[5]) for p in points(plan)] == [(1, 1), (2, 0), (2, 1), (2, 2)]


def test_zipped_seeds_move_with_their_axis(kept: Path) -> None:
    plan = planned(kept, counts=[1, 2], seeds=[3, 4], zip=[["counts", "seeds"]])
    assert [(p[4], p[5]) for p in points(plan)] == [(1, 3), (2, 4)]


def test_a_criterion_may_be_for_some_targets_only(kept: Path) -> None:
    choice = {"name": "last", "for": {"targets": ["mlp"]}}
    assert [p[1] for p in points(planned(kept, criteria=[choice], targets=["attention", "mlp"]))] == ["mlp"]


@pytest.mark.parametrize(("ratio", "count"), [(0.17, 1), (0.4, 1), (0.5, 2), (0.6, 2), (0.83, 2)])
def test_a_ratio_is_rounded_half_up(kept: Path, ratio: float, count: int) -> None:
    assert [p[4] for p in points(planned(kept, counts=None, ratios=[ratio]))] == [count]


def test_lists_of_seeds_by_name_are_combined_and_one_list_is_not(kept: Path) -> None:
    random = [{"name": "random", "draws": 1}]
    joint = planned(kept, criteria=random, seeds=[0, 1])
    apart = planned(kept, criteria=random, seeds={"model": [0, 1], "selection": [0, 1]})
    assert (len(points(joint)), len(points(apart))) == (2, 4)


def test_stages_are_counted_once_for_what_is_shared(kept: Path) -> None:
    plan = planned(kept, criteria=["entropy", "last"], counts=[1, 2], seeds=[0, 1])
    assert plan.stage_counts() == {"prepare": 2, "select": 4, "recover": 0, "evaluate": 10, "cost": 3}


def test_every_trial_has_its_own_cost_where_the_study_says_so(kept: Path) -> None:
    assert planned(kept, counts=[1, 2], costs="each").stage_counts()["cost"] == 3


def test_baselines_come_first_and_once(kept: Path) -> None:
    plan = planned(kept, criteria=["last", "entropy"], counts=[1, 2])
    assert [t.is_baseline for t in plan.trials] == [True, False, False, False, False]
