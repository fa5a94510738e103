"""What the key of each stage's artifact holds: all that can change it, and nothing that cannot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from small_studies import job_of, small, written
from torch import nn

from harness.failures import classified
from harness.pending import assignments, standings
from harness.plan import make_plan
from harness.records import Record
from harness.run_trial import run_trial
from harness.study_file import load_study
from harness.tasks.base import Batch
from harness.tasks.classification import Classification

Runs = Callable[..., dict[str, Record]]


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    """Runs every trial of a small study in this process; records by what is removed, the baseline under ''."""

    def all_of(job: dict[str, Any] | None = None, **changes: Any) -> dict[str, Record]:
        plan = make_plan(load_study(written(tmp_path, small(**changes))), tmp_path)
        head = job_of(plan, tmp_path, **(job or {}))
        todo = assignments(plan, standings(plan, (), None))
        found = [run_trial(head, one, lambda stage, note: None) for one in todo]
        return {" ".join([*record.removed, record.trial.criterion or ""]).strip(): record for record in found}

    return all_of


def keys(record: Record, stage: str) -> tuple[str, str]:
    return record.run.stages[stage].key, record.run.stages[stage].content


def test_a_selection_is_made_once_for_all_counts(runs: Runs) -> None:
    found = runs(criteria=["similarity"], counts=[1, 2])
    assert len(found) == 3
    assert len({keys(r, "select") for r in found.values() if not r.trial.is_baseline}) == 1


def test_the_form_of_removal_belongs_to_the_selection(runs: Runs) -> None:
    skip = runs(criteria=["last"], removals=["skip"])["blocks.2.attn last"]
    identity = runs(criteria=["last"], removals=["identity"])["blocks.2.attn last"]
    assert skip.status == identity.status == "ok"
    assert keys(skip, "select")[0] != keys(identity, "select")[0]
    assert skip.run.stages["recover"].key == identity.run.stages["recover"].key  # no artifact: nothing was trained


def test_equal_sets_of_two_criteria_are_evaluated_once(runs: Runs) -> None:
    found = runs(criteria=["last", {"name": "fixed", "label": "named", "attention": [2]}], collectors=["accuracy"])
    mine, theirs = found["blocks.2.attn last"], found["blocks.2.attn named"]
    assert keys(mine, "select")[0] != keys(theirs, "select")[0]
    assert keys(mine, "evaluate") == keys(theirs, "evaluate")
    assert theirs.run.stages["evaluate"].reused


def test_a_cost_of_one_structure_is_kept_for_all_weights(runs: Runs) -> None:
    found = runs(criteria=["last"], collectors=["params"])
    other = runs(criteria=["last"], collectors=["params"], seeds=[1])
    mine, theirs = found["blocks.2.attn last"], other["blocks.2.attn last"]
    assert keys(mine, "prepare") != keys(theirs, "prepare")
    assert keys(mine, "cost") == keys(theirs, "cost")
    assert theirs.measurements[0].shared_from is not None
    assert theirs.measurements[0].shared_from.trial == mine.trial.id


def test_a_time_taken_with_other_threads_is_another_cost(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    latency = {"name": "latency", "warmup": 1, "rounds": 1, "pairs": 2}
    found = []
    for threads in (1, 2):
        monkeypatch.setattr("torch.get_num_threads", lambda threads=threads: threads)
        found.append([runs(criteria=["last"], collectors=[c])["blocks.2.attn last"] for c in (latency, "params")])
    (timed, counted), (timed_again, counted_again) = found
    assert keys(timed, "cost")[0] != keys(timed_again, "cost")[0]
    assert keys(counted, "cost") == keys(counted_again, "cost")


def test_each_trial_has_its_own_cost_where_the_study_says_so(runs: Runs) -> None:
    found = runs(criteria=["last"], collectors=["params"], costs="each", counts=[1], seeds=[0, 1])
    assert all(m.shared_from is None for record in found.values() for m in record.measurements)


def test_weights_of_a_file_are_those_of_the_file(runs: Runs, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    trained = runs(criteria=["last"])
    (made,) = (tmp_path / "artifacts" / "prepare").glob("*/*/weights.safetensors")
    copy = tmp_path / "mine.safetensors"
    copy.write_bytes(made.read_bytes())
    model = {**small()["models"][0], "weights": {"file": "mine.safetensors"}}
    found = runs(criteria=["last"], models=[model])
    assert keys(found["blocks.2.attn last"], "prepare")[1] == keys(trained["blocks.2.attn last"], "prepare")[1]
    assert load_file(copy)


def test_a_damaged_weights_file_fails_the_trial_in_words(runs: Runs, tmp_path: Path) -> None:
    runs(criteria=["last"])
    (made,) = (tmp_path / "artifacts" / "prepare").glob("*/*/weights.safetensors")
    copy = tmp_path / "mine.safetensors"
    copy.write_bytes(made.read_bytes() + b"x")
    model = {**small()["models"][0], "weights": {"file": "mine.safetensors"}}
    damaged = runs(criteria=["last"], models=[model])
    assert {r.status for r in damaged.values()} == {"failed"}
    assert all(r.failure and r.failure.stage == "prepare" for r in damaged.values())
    assert all("safetensors" in (r.reason or "") for r in damaged.values())


def test_a_device_that_is_gone_is_a_failed_record(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    found = runs({"device": "cuda:7"}, criteria=["last"])
    (record,) = {r.reason for r in found.values()}
    assert "cuda:7" in str(record)
    assert {r.status for r in found.values()} == {"failed"}


def test_a_failure_keeps_what_was_found_before_it(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    def out_of_memory(*_: object, **__: object) -> None:
        raise MemoryError("no")

    monkeypatch.setattr("harness.run_trial.cost", out_of_memory)
    record = runs(criteria=["last"], collectors=["accuracy", "params"])["blocks.2.attn last"]
    assert record.failure is not None
    assert (record.failure.kind, record.failure.stage) == (classified(MemoryError()), "cost")
    assert {m.metric for m in record.measurements} == {"top1", "top5"}
    assert record.proof is not None
    assert set(record.run.stages) == {"prepare", "select", "recover", "evaluate"}
    assert record.environment is not None


def test_calibration_is_cut_to_what_the_criterion_asks_for(runs: Runs) -> None:
    record = runs(criteria=[{"name": "similarity", "items": 60}])
    (candidate,) = [r for r in record.values() if not r.trial.is_baseline]
    assert candidate.selection is not None
    assert candidate.selection.items == 60
    assert candidate.selection.micro_batch == {"asked": 50, "used": 50}
    assert not candidate.selection.labels_used


def test_a_transform_starts_at_its_stage(runs: Runs) -> None:
    """Keys from that stage on differ from the plain trial's, keys before it do not."""

    def of(start: str | None) -> Record:
        transforms = [{"name": "tome", "r": 2, "from": start}] if start else ["none"]
        found = runs(criteria=["similarity"], collectors=["accuracy", "macs"], transforms=transforms)
        return next(record for record in found.values() if not record.trial.is_baseline)

    plain = of(None)
    order = ("prepare", "select", "evaluate", "cost")
    for start in order:
        record = of(start)
        assert record.status == "ok", record.reason
        changed = [stage for stage in order if keys(record, stage) != keys(plain, stage)]
        assert changed == list(order[order.index(start) :]), start


def test_a_budget_takes_the_set_that_saves_nearest(runs: Runs) -> None:
    found = runs(criteria=["last"], counts=None, budgets={"params": [0.1, 0.2]}, collectors=["params"])
    whole = found[""].measurements[0].value
    assert whole is not None
    for record in found.values():
        if record.trial.is_baseline:
            continue
        assert record.selection is not None
        assert record.selection.budget is not None
        left = record.measurements[0].value
        assert left is not None
        assert record.selection.budget["saved"] == pytest.approx(1 - left / whole)
        assert record.selection.budget["count"] == len(record.removed)


def test_how_sure_and_how_good_a_selection_is_stand_in_its_record(runs: Runs) -> None:
    found = runs(criteria=["similarity"], stability={"subsets": 2}, optimum={}, collectors=["accuracy"])
    record = next(record for record in found.values() if not record.trial.is_baseline)
    assert record.selection is not None
    assert record.selection.optimum is not None
    assert record.selection.stability is not None
    top1 = next(m.value for m in record.measurements if m.metric == "top1" and m.split == "test")
    assert record.selection.optimum["own"] == pytest.approx(top1)
    assert record.selection.optimum["sets"] == 3
    assert {m.metric for m in record.measurements} >= {"stability_tau", "optimum_gain"}
    assert all(m.reason for m in found[""].measurements if m.metric in ("stability_tau", "optimum_gain"))


def test_stability_takes_smaller_micro_batches_where_memory_runs_out(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of(**job: Any) -> dict[str, Any]:
        found = runs(job, criteria=["similarity"], stability={"subsets": 2}, collectors=["params"])
        record = next(record for record in found.values() if not record.trial.is_baseline)
        assert record.status == "ok", record.reason
        assert record.selection is not None
        return record.selection.stability or {}

    forward = Classification.forward

    def full_at_20(task: Classification, net: nn.Module, batch: Batch) -> torch.Tensor:
        if len(batch) > 20:
            raise torch.OutOfMemoryError("no room")
        return forward(task, net, batch)

    whole = of()
    monkeypatch.setattr(Classification, "forward", full_at_20)
    small = of(fresh=("stability",))
    assert small.pop("micro_batch") == {"asked": 50, "used": 12}
    assert "micro_batch" not in whole
    assert small["ranks"] == whole["ranks"]


def test_equal_weights_under_other_options_are_another_network(runs: Runs) -> None:
    """Heads, drop path and the like are not in the weights, so their hash cannot tell."""

    def of(heads: int) -> Record:
        model = {**small()["models"][0], "weights": "random"}
        model["options"] = {**model["options"], "num_heads": heads}
        recoveries = [{"name": "finetune", "steps": 1}]
        changes: dict[str, Any] = {"stability": {"subsets": 2}, "optimum": {}, "collectors": ["accuracy"]}
        found = runs(criteria=["similarity"], models=[model], recoveries=recoveries, **changes)
        return next(record for record in found.values() if not record.trial.is_baseline)

    two, four = of(2), of(4)
    assert two.status == four.status == "ok", (two.reason, four.reason)
    assert keys(two, "prepare")[1] == keys(four, "prepare")[1]
    for stage in ("select", "recover", "assure", "evaluate"):
        assert keys(two, stage)[0] != keys(four, stage)[0], stage


@pytest.mark.parametrize(("search", "passes"), [("one_shot", 1.0), ("iterative", 2.0)])
def test_every_step_of_an_iterative_search_is_a_backward_pass(runs: Runs, search: str, passes: float) -> None:
    found = runs(criteria=[{"name": "taylor", "search": search, "items": 60}])
    (candidate,) = [r for r in found.values() if not r.trial.is_baseline]
    assert candidate.selection is not None
    assert candidate.selection.backward_passes == passes
    assert candidate.selection.forward_passes == passes


def test_what_a_users_own_criterion_gets_wrong_is_told_with_its_line(runs: Runs, tmp_path: Path) -> None:
    own = [
        "from harness.criteria.base import UnitCriterion, criteria",
        "@criteria.register('hopeless')",
        "class Hopeless(UnitCriterion):",
        "    needs_calibration = False",
        "    def scores(self, scoring):",
        "        return {unit.name: 1 / 0 for unit in scoring.units}",
    ]
    (tmp_path / "own.py").write_text("\n".join(own))
    found = runs(criteria=["hopeless"], plugins=["own.py"])
    failed = next(record for record in found.values() if not record.trial.is_baseline)
    assert failed.status == "failed"
    assert "own.py, line 6: ZeroDivisionError: division by zero" in (failed.reason or "")
