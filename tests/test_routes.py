"""How trials are dealt out to jobs: in one load here, in legs that follow one another elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_studies import TINY_MODEL, small, written

from harness.errors import SpecError
from harness.pending import assignments, standings
from harness.place import Orders, place_of
from harness.plan import make_plan
from harness.records import STAGES
from harness.store import Store
from harness.study_file import load_study
from harness.submission import Batch, batches_of


def batches(folder: Path, *overrides: str, **changes: Any) -> list[list[Batch]]:
    asked = {
        "criteria": ["last", "first"],
        "counts": [1, 2],
        "seeds": [0, 1],
        "executor": {"name": "slurm", "trials_per_job": 4},
        **changes,
    }
    file = load_study(written(folder, small(**asked)), overrides)
    plan = make_plan(file, folder / "results")
    todo = assignments(plan, standings(plan, (), None))
    found = batches_of(plan, place_of(file.site, Orders()), todo, Store(folder / "results"), Orders())
    return [list(route) for route in found]


def told(route: list[Batch]) -> list[tuple[tuple[str, ...], list[int]]]:
    return [(batch.load.leg.stages, [len(job.assignments) for job in batch.jobs]) for batch in route]


def test_a_model_that_several_jobs_need_is_made_before_them(tmp_path: Path) -> None:
    (route,) = batches(tmp_path)
    assert told(route) == [(("prepare",), [1, 1]), (STAGES[1:], [4, 4, 2])]
    jobs = [job for batch in route for job in batch.jobs]
    assert [job.id.rpartition("-")[2] for job in jobs] == ["0", "1", "2", "3", "4"]
    assert {job.chain for job in jobs} == {jobs[0].id.rpartition("-")[0]}
    assert {a.trial.model_seed for job in route[0].jobs for a in job.assignments} == {0, 1}


def test_what_needs_no_training_is_one_leg(tmp_path: Path) -> None:
    (route,) = batches(tmp_path, models=[{**TINY_MODEL, "weights": "random"}])
    assert told(route) == [(STAGES, [4, 4, 2])]


def test_one_job_makes_its_model_itself(tmp_path: Path) -> None:
    (route,) = batches(tmp_path, seeds=[0])
    assert told(route)[0][0] == ("prepare",)  # two jobs share it
    (route,) = batches(tmp_path, seeds=[0], executor={"name": "slurm", "trials_per_job": 9})
    assert told(route) == [(STAGES, [5])]


def test_every_stage_with_needs_of_its_own_runs_where_it_asked(tmp_path: Path) -> None:
    needs = {
        "prepare": {"gpus_per_node": 2, "timeout_min": 90, "trials_per_job": 2},
        "evaluate": {"slurm_partition": "any"},
        "cost": {"slurm_exclusive": True},
    }
    (route,) = batches(tmp_path, resources=needs, recoveries=["none", {"name": "finetune", "steps": 1}])
    assert told(route) == [
        (("prepare",), [2]),
        (("select", "recover"), [4, 4, 4, 2]),  # four selections, for both counts each, and ten recoveries
        (("evaluate",), [4, 4, 4, 4, 4]),
        (("cost",), [4, 4, 4, 4, 4]),
    ]
    assert [batch.load.device for batch in route] == ["cuda", "cpu", "cpu", "cpu"]
    assert {job.timeout_s for job in route[0].jobs} == {5400.0}
    options = [batch.load.executor.options() for batch in route]
    assert [one.get("slurm_partition") for one in options] == [None, None, "any", None]
    assert [one.get("slurm_exclusive") for one in options] == [None, None, None, True]


def test_a_shared_training_leaves_the_leg_that_it_would_be_in(tmp_path: Path) -> None:
    needs = {"default": {"timeout_min": 10}, "prepare": {"timeout_min": 90}, "cost": {"slurm_exclusive": True}}
    (route,) = batches(tmp_path, resources=needs)
    assert told(route) == [(("prepare",), [1, 1]), (STAGES[1:4], [4, 4, 2]), (("cost",), [4, 4, 2])]
    assert [batch.load.leg.resources.minutes for batch in route] == [90, 10, 10]


def test_a_model_with_needs_of_its_own_takes_its_own_way(tmp_path: Path) -> None:
    large = {**TINY_MODEL, "name": "large", "options": {**TINY_MODEL["options"], "depth": 4}}
    large["resources"] = {"default": {"mem_gb": 64}}
    routes = batches(tmp_path, models=[TINY_MODEL, large], seeds=[0], executor={"name": "slurm", "trials_per_job": 9})
    assert [told(route) for route in routes] == [[(STAGES, [5])], [(STAGES, [5])]]
    assert [route[0].load.leg.resources.mem_gb for route in routes] == [None, 64]
    assert "resources" not in str([a.trial.spec for route in routes for job in route[0].jobs for a in job.assignments])


def test_here_all_is_one_load_whatever_the_stages_need(tmp_path: Path) -> None:
    (route,) = batches(tmp_path, executor="inline", resources={"prepare": {"mem_gb": 8, "timeout_min": 90}})
    assert told(route) == [(STAGES, [10])]
    assert route[0].jobs[0].timeout_s == 5400.0


def test_a_record_is_of_one_device(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="evaluate and cost must both have GPUs"):
        batches(tmp_path, resources={"cost": {"gpus_per_node": 1}})
