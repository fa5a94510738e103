"""A trial's identity: kept for ever, changed by whatever changes its numbers, and by nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from golden_files import assert_golden
from small_studies import TINY_MODEL, small, written

from harness.plan import make_plan
from harness.records import TrialInfo
from harness.schema import digest
from harness.study_file import load_study
from harness.trials import DIGITS, MAX_READABLE, Labels, TrialSpec, trial_info

FIXED = small(
    study="fixed",
    criteria=[
        "entropy",
        {"name": "similarity", "label": "angle"},
        {"name": "random", "draws": 2},
        {"name": "entropy", "items": 64, "search": "one_shot"},
    ],
    models=[TINY_MODEL, {**TINY_MODEL, "name": "plain", "weights": "random"}],
    targets=["attention", "block"],
    counts=None,
    ratios=[0.34, 0.5],
    recoveries=["none", {"name": "finetune", "steps": 3, "label": "short"}],
    seeds=[0, 7],
)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept")


def ids(kept: Path, study: dict[str, Any]) -> list[str]:
    return [trial.id for trial in make_plan(load_study(written(kept, study)), kept).trials]


def digests(kept: Path, **changes: Any) -> set[str]:
    plan = make_plan(load_study(written(kept, small(**{"criteria": ["entropy"], **changes}))), kept)
    return {trial.digest for trial in plan.trials if not trial.is_baseline}


def test_the_ids_of_a_fixed_study_never_change(kept: Path) -> None:
    assert_golden("trial_ids.txt", "\n".join(ids(kept, FIXED)) + "\n")


def test_no_trial_is_planned_twice(kept: Path) -> None:
    found = ids(kept, FIXED)
    assert len(found) == len(set(found))


@pytest.mark.parametrize(
    "changes",
    [
        {"study": "other"},
        {"question": "Why?"},
        {"collectors": ["accuracy"]},
        {"device": "cpu"},
        {"executor": {"name": "local", "nice": 3}},
        {"workers": 2},
        {"paths": {"digits": "/data"}},
        {"resources": {"default": {"timeout_min": 5}}},
        {"costs": "each"},
        {"criteria": [{"name": "entropy", "label": "h"}]},
        {"criteria": [{"name": "entropy", "feature": "head_input"}]},
        {"criteria": [{"name": "entropy", "search": "greedy"}]},
        {"models": [{**TINY_MODEL, "name": "other"}]},
        {"models": [{**TINY_MODEL, "weights": {"train": {"steps": 2, "batch": 32, "warmup": 0.1, "init": {}}}}]},
        {"removals": ["skip"]},
        {"recoveries": ["none"]},
        {"seeds": {"model": [0], "selection": [5], "recovery": [6]}},
        {"counts": None, "ratios": [0.34]},
    ],
    ids=",".join,
)
def test_what_changes_no_number_is_not_in_the_digest(kept: Path, changes: dict[str, Any]) -> None:
    assert digests(kept, **changes) == digests(kept)


@pytest.mark.parametrize(
    "changes",
    [
        {"data": {"name": "synthetic", "images": 64, "size": 8}},
        {"criteria": [{"name": "entropy", "items": 50}]},
        {"criteria": [{"name": "entropy", "search": "one_shot"}]},
        {"criteria": ["last"]},
        {"counts": [2]},
        {"targets": ["mlp"]},
        {"removals": ["identity"]},
        {"recoveries": [{"name": "finetune", "steps": 2}]},
        {"seeds": [1]},
        {"models": [{**TINY_MODEL, "weights": {"train": {"steps": 3}}}]},
        {"models": [{**TINY_MODEL, "weights": {"train": {"steps": 2, "init": {"pos_embed_std": 0.5}}}}]},
        {"models": [{**TINY_MODEL, "weights": "random"}]},
        {"models": [{**TINY_MODEL, "options": {**TINY_MODEL["options"], "depth": 4}}]},
    ],
    ids=",".join,
)
def test_what_may_change_a_number_is_in_the_digest(kept: Path, changes: dict[str, Any]) -> None:
    assert not digests(kept, **changes) & digests(kept)


def test_a_new_field_at_its_default_changes_no_digest() -> None:
    class Later(TrialSpec):
        transform: str = "none"

    given: dict[str, Any] = {"architecture": "a", "weights": {"random": True}, "data": {"name": "digits"}, "count": 2}
    assert Later(**given).identity() == TrialSpec(**given).identity()
    assert Later(**given, transform="tome").identity() != TrialSpec(**given).identity()


def test_the_digest_of_a_kept_spec_is_found_again_from_the_record(kept: Path) -> None:
    for trial in make_plan(load_study(written(kept, FIXED)), kept).trials:
        spec = TrialSpec.model_validate(trial.spec)
        assert spec.identity() == trial.spec
        assert digest(spec.identity()) == trial.digest
        assert TrialInfo.model_validate(trial.model_dump()) == trial
        assert trial.id.endswith(trial.digest)


def test_a_candidate_is_compared_with_trials_of_the_same_plan(kept: Path) -> None:
    trials = {trial.id: trial for trial in make_plan(load_study(written(kept, FIXED)), kept).trials}
    for trial in trials.values():
        compared = [name for name in (trial.baseline, trial.untouched) if name]
        assert all(name in trials for name in compared)
        if trial.baseline:
            assert trials[trial.baseline].recovery == trial.recovery
            assert trials[trial.baseline].model_seed == trial.model_seed
            assert trials[str(trial.untouched)].recovery == "none"


def test_a_long_id_still_fits_a_file_name() -> None:
    identity: dict[str, Any] = {"target": "attention", "criterion": {}, "count": 1, "recovery": {}, "model_seed": 1}
    long = Labels(study="s", model="m" * 64, data="d", criterion="c" * 64, recovery="r" * 64)
    info = trial_info(identity | {"draw": 999, "removal": "identity"}, long, "0" * DIGITS, None)
    assert len(info.id) <= MAX_READABLE + 13
    assert info.id.endswith(info.digest)
