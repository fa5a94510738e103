"""`harness validate`: every problem of a study file at once, then every rule of the field that it does not heed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from harness.cli.exits import FINE, USER
from harness.errors import HarnessError, Problem, unknown
from harness.lint import RULES, Finding, findings
from harness.plan import Plan, make_plan
from harness.study_file import load_study
from harness.wording import counted

PAGE = "docs/linter.md"


@dataclass(frozen=True)
class Strictness:
    """Whether warnings fail, and the code names of the rules that are allowed to be broken."""

    is_strict: bool = False
    allowed: tuple[str, ...] = ()


def validate_study(
    study: Path, site: Path | None, overrides: list[str], results: Path, strictness: Strictness, as_json: bool
) -> int:
    """Says what is wrong, else what the file asks for and which rules it breaks; problems are raised together."""
    _check_codes(strictness.allowed)
    try:
        plan = make_plan(load_study(study, overrides, site), results)
    except HarnessError as error:
        if not as_json:
            raise
        typer.echo(json.dumps({"study": str(study), "problems": [*map(str, error.problems)]}, indent=1))
        return USER
    told = findings(plan.index())
    counting = [one for one in told if one.is_broken and one.rule.code not in strictness.allowed]
    typer.echo(json.dumps(_as_json(study, plan, told), indent=1) if as_json else _as_text(study, plan, told))
    return USER if strictness.is_strict and counting else FINE


def _check_codes(codes: Sequence[str]) -> None:
    known = [rule.code for rule in RULES]
    problems: list[Problem] = [unknown("rule", code, known, "--allow") for code in codes if code not in known]
    if problems:
        raise HarnessError(problems)


def _as_text(study: Path, plan: Plan, told: Sequence[Finding]) -> str:
    candidates, baselines = _counts(plan)
    trials = f"{counted(candidates, 'candidate')} and {counted(baselines, 'baseline')}"
    lines = [f"{study}: fine: {trials} of {counted(len(plan.study.models), 'model')}"]
    warnings = [finding for finding in told if finding.is_broken]
    for finding in warnings:
        lines += [f"{study}: warning: {finding.rule.code}: {finding.words}", f"    {finding.sentence}"]
    if warnings:
        lines.append(f"{counted(len(warnings), 'warning')} by {counted(len(told), 'rule')}; {PAGE} has them all")
    return "\n".join(lines)


def _as_json(study: Path, plan: Plan, told: Sequence[Finding]) -> dict[str, object]:
    candidates, baselines = _counts(plan)
    return {
        "study": str(study),
        "problems": [],
        "candidates": candidates,
        "baselines": baselines,
        "rules": [
            {
                "rule": finding.rule.code,
                "heeded": finding.is_heeded,
                "found": finding.words,
                "demand": finding.rule.demand,
                "source": str(finding.rule.source),
                "remedy": finding.rule.remedy,
            }
            for finding in told
        ],
    }


def _counts(plan: Plan) -> tuple[int, int]:
    candidates = sum(not trial.is_baseline for trial in plan.trials)
    return candidates, len(plan.trials) - candidates
