"""Each rule of the linter: heeded by a study that keeps it, broken by one that does not, else silent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from kept_study import KEPT, index_of

from harness.lint import RULES, findings
from harness.records import StudyIndex

NOTHING_TRAINED = {"recoveries": ["none"]}
BREAKING: dict[str, dict[str, Any]] = {
    "few_pairs": {"models": KEPT["models"][:2]},
    "toy_data": {"data": "digits"},
    "few_points": {"budgets": {"macs": [0.1, 0.2]}},
    "one_seed": {"seeds": 0},
    "few_networks": {"models": KEPT["models"][:2]},
    "no_contrast": {"report": None},
    "no_random": {"criteria": ["similarity", "magnitude", "last"]},
    "few_draws": {"criteria": ["similarity", "magnitude", "last", {"name": "random", "draws": 4}]},
    "no_magnitude": {"criteria": ["similarity", "last", "random"], "report": None},
    "no_position": {"criteria": ["similarity", "magnitude", "random"]},
    "no_dense": {"references": None},
    "no_scratch": {"recoveries": [{"name": "finetune", "steps": 3}]},
    "unequal_recoveries": {"recoveries": [{"name": "finetune", "steps": 3}, {"name": "scratch", "steps": 9}]},
    "no_accuracy": {"collectors": ["macs", "params", "latency"], **NOTHING_TRAINED},
    "no_speed": {"collectors": ["accuracy", "macs", "params"]},
    "one_cost": {"collectors": ["accuracy", "macs", "latency"]},
    "few_samples": {"collectors": ["accuracy", "macs", "params", {"name": "latency", "rounds": 2}]},
    "unmatched_budgets": {"budgets": None, "counts": [1, 2, 3, 4, 5]},
    "test_for_choices": {
        "data": {**KEPT["data"], "splits": {**KEPT["data"]["splits"], "validation": {"from": "test", "items": 50}}}
    },
    "one_calibration": {"stability": None},
    "small_calibration": {
        "data": {**KEPT["data"], "splits": {"calibration": {"from": "train", "items": 255}}},
    },
    "overlapping_subsets": {"stability": {"subsets": 5, "sizes": [129]}},
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data of one's own; the first plan of a network keeps its inventory here."""
    return tmp_path_factory.mktemp("linted")


@pytest.fixture(scope="module")
def kept(home: Path) -> StudyIndex:
    return index_of(home)


def _codes(index: StudyIndex) -> set[str]:
    return {finding.rule.code for finding in findings(index) if finding.is_broken}


def test_a_study_can_keep_every_rule(kept: StudyIndex) -> None:
    assert {finding.rule.code: finding.is_heeded for finding in findings(kept)} == {rule.code: True for rule in RULES}


@pytest.mark.parametrize("code", BREAKING)
def test_a_study_that_breaks_a_rule_is_told_so(home: Path, code: str) -> None:
    assert code in _codes(index_of(home, **BREAKING[code]))


def test_a_recovery_that_the_baseline_does_not_get_is_told(kept: StudyIndex) -> None:
    """No study file gives such a plan; one that was merged, or written by others, may."""
    untrained = tuple(t for t in kept.trials if t.criterion is not None or "recovery" not in t.spec)
    assert _codes(kept.model_copy(update={"trials": untrained})) == {"unlike_baseline"}


def test_every_rule_is_tried_on_a_study_that_breaks_it() -> None:
    assert {*BREAKING, "unlike_baseline"} == {rule.code for rule in RULES}
    assert len({rule.code for rule in RULES}) == len(RULES)


def test_a_study_of_costs_alone_is_asked_nothing_about_accuracy(home: Path) -> None:
    index = index_of(home, **BREAKING["no_accuracy"], criteria=["last"], stability=None, report=None)
    told = {finding.rule.code for finding in findings(index)}
    assert not told & {"toy_data", "one_seed", "few_networks", "no_contrast", "no_random", "no_dense", "no_scratch"}
    assert {"few_pairs", "few_points", "no_accuracy", "no_speed", "one_cost", "unmatched_budgets"} <= told


def test_a_control_is_wanted_wherever_criteria_choose(home: Path) -> None:
    partial = {"name": "random", "for": {"targets": "attention"}}
    index = index_of(home, criteria=["similarity", "magnitude", "last", partial])
    told = {finding.rule.code: finding.words for finding in findings(index) if finding.is_broken}
    assert told == {"no_random": "no random choice beside mlp of a, mlp of b, mlp of c"}


def test_published_lists_are_no_curve_with_one_point(home: Path) -> None:
    paper = {"name": "fixed", "label": "paper", "attention": [0, 2], "for": {"targets": "attention"}}
    counts = {"budgets": None, "counts": [1, 2, 3, 4, 5], "targets": ["attention"]}
    assert "few_points" not in _codes(index_of(home, criteria=[*KEPT["criteria"], paper], **counts))
    assert "few_points" in _codes(index_of(home, criteria=[paper], report=None, counts=None, **{"budgets": None}))


def test_a_plan_of_an_earlier_harness_leaves_open_what_it_does_not_tell(kept: StudyIndex) -> None:
    old = kept.model_copy(update={"collector_options": (), "parts": {}, "calibrated_criteria": ()})
    told = {finding.rule.code: finding.is_heeded for finding in findings(old)}
    assert [code for code, answer in told.items() if answer is None] == ["few_samples", "small_calibration"]


def test_a_plan_without_candidates_is_told_nothing(kept: StudyIndex) -> None:
    assert findings(kept.model_copy(update={"trials": ()})) == ()
