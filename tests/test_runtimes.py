"""The axis of runtimes: what enters an identity, what a trial is called, and what it is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from small_studies import small, written

from harness.collectors.accuracy import Accuracy
from harness.collectors.base import collectors
from harness.errors import SpecError
from harness.plan import make_plan
from harness.questions import Scene, answers, questions
from harness.runtimes import DEFAULT, Runtime
from harness.study_file import load_study
from harness.trials import TrialSpec


def test_the_default_runtime_has_no_identity() -> None:
    assert DEFAULT.identity() is None
    assert Runtime(label="plain").identity() is None
    assert DEFAULT.title == "fp32"


def test_a_runtime_is_called_by_what_is_not_at_its_default() -> None:
    found = Runtime(dtype="bf16", compile="default", attention="flash", channels_last=True, threads=2)
    assert found.title == "bf16-compile_default-attention_flash-channels_last-threads_2"


def test_only_precision_and_kernel_tell_outcomes_apart() -> None:
    runtime = Runtime(dtype="bf16", autocast=True, attention="math", compile="default", channels_last=True, threads=1)
    assert runtime.of_outcomes() == {"dtype": "bf16", "autocast": True, "attention": "math"}
    assert Runtime(compile="default", threads=1).for_outcomes() == DEFAULT


def test_autocast_needs_a_dtype_to_cast_to() -> None:
    with pytest.raises(ValidationError, match="'autocast' is for dtype bf16 and fp16, not for 'fp32'"):
        Runtime(autocast=True)


def plan_of(folder: Path, **changes: Any) -> Any:
    return make_plan(load_study(written(folder, small(**changes))), folder)


def test_every_trial_has_a_baseline_in_its_own_runtime(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, runtimes=[{"dtype": "fp32"}, {"dtype": "bf16"}])
    trials = {trial.id: trial for trial in plan.trials}
    candidates = [trial for trial in plan.trials if not trial.is_baseline]
    assert sorted(trial.runtime for trial in candidates) == ["bf16", "fp32"]
    for trial in candidates:
        assert trials[trial.baseline].spec.get("runtime") == trial.spec.get("runtime")
        assert trials[trial.baseline].runtime == trial.runtime


def test_a_runtime_at_its_default_changes_no_id(tmp_path: Path) -> None:
    plain = [trial.id for trial in plan_of(tmp_path).trials]
    assert [trial.id for trial in plan_of(tmp_path, runtimes=[{"dtype": "fp32"}]).trials] == plain


def test_weights_and_selections_are_made_once_for_all_runtimes(tmp_path: Path) -> None:
    recovery = {"name": "finetune", "steps": 1}
    one = plan_of(tmp_path, criteria=["similarity"], recoveries=["none", recovery]).stage_counts()
    two = plan_of(
        tmp_path, criteria=["similarity"], recoveries=["none", recovery], runtimes=[{}, {"dtype": "bf16"}]
    ).stage_counts()
    assert {name: two[name] for name in ("prepare", "select", "recover")} == {
        name: one[name] for name in ("prepare", "select", "recover")
    }
    assert two["cost"] == 2 * one["cost"]


def test_two_runtimes_that_are_the_same_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"runtimes\.1: is the same as runtimes\.0 under another label"):
        plan_of(tmp_path, runtimes=[{}, {"label": "again", "dtype": "fp32"}])


def test_an_unknown_key_of_a_runtime_is_told_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"runtimes\.0\.dtyp: no such field; did you mean 'dtype'"):
        plan_of(tmp_path, runtimes=[{"dtyp": "bf16"}])


def test_outcomes_in_another_dtype_are_asked_for_beside_the_plain_ones() -> None:
    asked = questions(Accuracy(), Scene(runtime=Runtime(dtype="bf16", compile="default")))
    plain = Accuracy().asked()
    assert asked[: len(plain)] == plain
    assert [one.at for one in asked[len(plain) :]] == [{"dtype": "bf16"}] * len(plain)


def test_every_test_set_is_asked_for_by_what_reads_test_sets() -> None:
    asked = questions(Accuracy(), Scene(test_sets=("v2",)))
    assert [one.metric for one in asked if one.split == "test:v2"] == ["top1", "top5"]


def test_costs_do_not_ask_by_dtype() -> None:
    latency = collectors.create({"name": "latency"})
    assert questions(latency, Scene(runtime=Runtime(dtype="bf16"))) == latency.asked()


def test_a_collector_is_wanted_while_one_of_its_answers_is_missing() -> None:
    scene = Scene(runtime=Runtime(dtype="bf16"))
    in_bf16 = questions(Accuracy(), scene)[-1]
    assert answers(Accuracy(), scene, [in_bf16])
    assert not answers(Accuracy(), Scene(), [in_bf16])


def test_a_spec_without_a_runtime_runs_in_the_default_one() -> None:
    spec = TrialSpec(architecture="a", weights={"random": True}, data={"name": "digits"})
    assert spec.runs_in() == DEFAULT
