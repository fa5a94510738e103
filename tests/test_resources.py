"""What jobs may take by stage, and the legs that follow from it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from harness.records import STAGES
from harness.resources import Resources, StageResources, in_one_leg, legs_of


def needs(**stages: Any) -> StageResources:
    return StageResources.model_validate(stages)


def test_stages_that_need_the_same_are_one_leg() -> None:
    (leg,) = legs_of(StageResources())
    assert (leg.stages, leg.is_last, leg.resources.minutes) == (STAGES, True, 60)


def test_a_longer_limit_alone_makes_no_leg_and_holds_for_all_of_it() -> None:
    (leg,) = legs_of(needs(default={"timeout_min": 30}, prepare={"timeout_min": 240}))
    assert leg.resources.minutes == 240


def test_neighbours_that_need_other_things_are_legs_in_order() -> None:
    legs = legs_of(
        needs(
            default={"mem_gb": 16},
            prepare={"gpus_per_node": 8, "timeout_min": 1440},
            select={"gpus_per_node": 1},
            cost={"gpus_per_node": 1, "slurm_exclusive": True, "slurm_constraint": "a100"},
        )
    )
    assert [leg.stages for leg in legs] == [("prepare",), ("select",), ("recover", "evaluate"), ("cost",)]
    assert [leg.is_last for leg in legs] == [False, False, False, True]
    assert [leg.resources.mem_gb for leg in legs] == [16] * 4
    assert legs[0].resources.minutes == 1440
    assert legs[-1].resources.for_slurm() == {"slurm_exclusive": True, "slurm_constraint": "a100"}


def test_a_model_goes_before_the_site_and_a_stage_before_the_default() -> None:
    site = needs(default={"mem_gb": 16, "cpus_per_task": 4}, prepare={"mem_gb": 32, "timeout_min": 90})
    model = needs(default={"mem_gb": 64}, cost={"mem_gb": 8})
    found = model.over(site)
    assert [found.of(stage).mem_gb for stage in STAGES] == [64, 64, 64, 64, 8]
    assert {found.of(stage).cpus_per_task for stage in STAGES} == {4}
    assert found.of("prepare").minutes == 90


def test_on_this_machine_all_stages_are_one_leg_with_the_longest_limit() -> None:
    leg = in_one_leg([needs(cost={"timeout_min": 5}), needs(prepare={"timeout_min": 90})])
    assert (leg.stages, leg.resources.minutes) == (STAGES, 90)


@pytest.mark.parametrize("stage", ["default", "select", "evaluate", "cost"])
def test_only_a_training_is_shared_by_processes(stage: str) -> None:
    with pytest.raises(ValidationError, match="belong to prepare and recover"):
        needs(**{stage: {"tasks_per_node": 2}})
    assert needs(prepare={"nodes": 2, "tasks_per_node": 4}).of("prepare").tasks == 8


@pytest.mark.parametrize(
    ("stated", "wants"), [({"gpus_per_node": 1}, True), ({"slurm_gres": "gpu:a100:1"}, True), ({}, False)]
)
def test_a_gpu_is_wanted_where_one_is_asked_for(stated: dict[str, object], wants: bool) -> None:
    assert Resources.model_validate(stated).wants_gpu is wants
