"""What is left in hours and bytes: the same as by hand, from the most alike runs, and plainly nothing without any."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_studies import small, written

from harness.briefs import Brief, StageBrief
from harness.estimates import Estimate, estimate
from harness.past_runs import PastRuns
from harness.pending import standings
from harness.place import Orders, Place, place_of
from harness.plan import Plan, make_plan
from harness.site import Site
from harness.store import Store
from harness.study_file import load_study

GOOD = Brief(
    trial="t",
    run="r",
    attempt=1,
    started="2026-01-01T00:00:00+00:00",
    finished="2026-01-01T00:00:00+00:00",
    status="ok",
    reason=None,
    may_retry=True,
    machine_class="here",
    answered=(),
    unanswered=(),
    model="tiny",
    criterion="last",
    recovery="none",
    runtime="fp32",
    total_s=None,
    stages={},
    prepared=None,
)


def run(prepare: tuple[float, bool], select: tuple[float, bool] | None, cost: tuple[float, bool], rest: float) -> Brief:
    """A run that spent so many seconds in its stages, and found or made what they give."""
    stages = {"prepare": StageBrief(*prepare), "recover": StageBrief(0.5, False), "cost": StageBrief(*cost)}
    stages |= {"select": StageBrief(*select)} if select else {}
    total = rest + sum(stage.elapsed_s for stage in stages.values())
    return GOOD._replace(stages=stages, total_s=total)


PAST = (
    run((100.0, False), None, (8.0, False), 1.0),
    run((2.0, True), (30.0, False), (10.0, False), 1.0),
    run((4.0, True), (1.0, True), (0.25, True), 3.0),
    run((3.0, True), (1.0, True), (0.25, True), 1.0),
)


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """Two seeds, each with a baseline and two counts; costs are shared by trials of one structure."""
    folder = tmp_path_factory.mktemp("plan")
    return make_plan(load_study(written(folder, small(counts=[1, 2], seeds=[0, 1]))), folder)


@pytest.fixture
def place() -> Place:
    return place_of(Site(), Orders(device="cpu", executor="inline"))


def found(plan: Plan, briefs: tuple[Brief, ...], place: Place, results: Path) -> Estimate:
    here = tuple(one._replace(machine_class=place.machine_class) for one in briefs)
    return estimate(plan, standings(plan, here, place.machine_class), here, place, Store(results))


def test_an_estimate_is_what_a_hand_reckons(plan: Plan, place: Place, tmp_path: Path) -> None:
    made_networks, found_networks = 2 * 100.0, 4 * 3.0
    made_selections, found_selections = 2 * 30.0, 2 * 1.0
    proofs = 6 * 0.5
    made_costs, found_costs = 3 * 9.0, 3 * 0.25
    rest = 6 * 1.0
    by_hand = (
        made_networks + found_networks + made_selections + found_selections + proofs + made_costs + found_costs + rest
    )
    estimated = found(plan, PAST, place, tmp_path)
    assert estimated.work_s == pytest.approx(by_hand)
    assert estimated.wall_s == estimated.work_s
    assert (estimated.trials, estimated.from_runs, estimated.untold, estimated.gpu_s) == (6, 4, (), 0.0)


def test_without_a_good_run_of_the_machine_class_there_is_no_estimate(plan: Plan, place: Place, tmp_path: Path) -> None:
    elsewhere = tuple(one._replace(machine_class="there") for one in PAST)
    for briefs in ((), elsewhere):
        estimated = estimate(plan, standings(plan, (), None), briefs, place, Store(tmp_path))
        assert (estimated.work_s, estimated.wall_s, estimated.gpu_s, estimated.from_runs) == (None, None, None, 0)
    assert estimated.disk_bytes is None


def test_a_stage_of_which_no_run_tells_is_named(plan: Plan, place: Place, tmp_path: Path) -> None:
    assert found(plan, PAST[:1], place, tmp_path).untold == (
        "cost (found)",
        "prepare (found)",
        "select (found)",
        "select (made)",
    )


def test_failed_runs_tell_nothing(plan: Plan, place: Place, tmp_path: Path) -> None:
    assert found(plan, tuple(one._replace(status="failed") for one in PAST), place, tmp_path).work_s is None


def test_workers_side_by_side_share_the_time(plan: Plan, tmp_path: Path) -> None:
    two = place_of(Site(executor={"name": "local", "jobs": 2}), Orders(device="cpu"))
    estimated = found(plan, PAST, two, tmp_path)
    assert estimated.work_s is not None
    assert (estimated.at_a_time, estimated.wall_s) == (2, estimated.work_s / 2)


def test_a_cluster_runs_as_many_jobs_as_it_is_allowed_to(plan: Plan, tmp_path: Path) -> None:
    options = {"name": "slurm", "trials_per_job": 1, "slurm_array_parallelism": 4}
    assert found(plan, PAST, place_of(Site(executor=options), Orders()), tmp_path).at_a_time == 4


def test_hours_of_gpus_are_those_that_each_stage_holds(plan: Plan, tmp_path: Path) -> None:
    needs = {"prepare": {"gpus_per_node": 8, "nodes": 2}, "cost": {"gpus_per_node": 1}}
    site = Site.model_validate({"executor": "slurm", "resources": needs})
    estimated = found(plan, PAST, place_of(site, Orders()), tmp_path)
    networks, costs_and_rest = 2 * 100.0 + 4 * 3.0, 3 * 9.0 + 3 * 0.25 + 6 * 1.0
    assert estimated.gpu_s == pytest.approx(16 * networks + costs_and_rest)


def test_the_most_alike_runs_count_then_any_of_the_study_then_those_of_others(tmp_path: Path) -> None:
    def selecting(seconds: float, model: str, criterion: str) -> Brief:
        return GOOD._replace(model=model, criterion=criterion, stages={"select": StageBrief(seconds, False)})

    own = [selecting(1.0, "a", "x"), selecting(5.0, "a", "y"), selecting(9.0, "b", "y")]
    others = [GOOD._replace(stages={"cost": StageBrief(7.0, False)})]
    past = PastRuns(tmp_path, own, lambda: others, "here")
    assert past.seconds("select", False, "a", "x") == 1.0
    assert past.seconds("select", False, "a", "new") == 3.0
    assert past.seconds("select", False, "new", "new") == 5.0
    assert past.runs == 3
    assert past.seconds("cost", False, "a", "fp32") == 7.0
    assert past.seconds("evaluate", False, "a", "fp32") is None
    assert past.runs == 4


def test_a_network_made_ahead_of_its_trials_counts_as_its_manifest_says(tmp_path: Path) -> None:
    folder = tmp_path / "artifacts" / "prepare" / "abcd" / "cdef"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"machine_class": "here", "elapsed_s": 40.0}))
    own = [
        GOOD._replace(prepared="abcd/cdef", stages={"prepare": StageBrief(0.1, True)}),
        GOOD._replace(prepared="../x"),
    ]
    assert PastRuns(tmp_path, own, tuple, "here").seconds("prepare", False, "tiny", None) == 40.0


def test_disk_is_records_and_what_stages_keep(plan: Plan, place: Place, tmp_path: Path) -> None:
    for stage, size in (("prepare", 1000), ("select", 10), ("cost", 1)):
        folder = tmp_path / "artifacts" / stage / "ab" / "cd"
        folder.mkdir(parents=True)
        (folder / "file").write_bytes(b"x" * size)
    (tmp_path / "small" / "t").mkdir(parents=True)
    (tmp_path / "small" / "t" / "r.json").write_bytes(b"x" * 50)
    estimated = found(plan, PAST, place, tmp_path)
    assert estimated.disk_bytes == 6 * 50 + 2 * 1000 + 2 * 10 + 3 * 1
    assert estimated.untold_on_disk == ()
