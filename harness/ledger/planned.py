"""The plan of a study as a table, kept so that a hundred thousand trials need not be checked one by one every time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from harness.fairness import Verdict, verdict
from harness.ledger.columns import DamagedError, read, written
from harness.lint import RULES, Finding, findings
from harness.own_code import code_digest
from harness.records import StudyIndex, TrialInfo
from harness.store import INDEX, Store
from harness.tables.columns import AXES
from harness.tables.facts import of_plan, tuples_of, values_of
from harness.tables.frame import typed
from harness.tables.row import planned
from harness.whole_file import write_whole

NAME = ".plan.npz"
SELECTED = ("count", "ratio")  # a budget's are the selection's finding, and no plan knows them


@dataclass(frozen=True)
class Plan:
    """A study's plan: `head` is all of it but its trials, `table` the axes and facts of each of them, in order.

    `findings` is what the linter says of it, `fair` whether its comparison is; None where there is none.
    """

    digest: str
    head: StudyIndex
    table: pd.DataFrame
    findings: tuple[Finding, ...]
    fair: Verdict | None

    @cached_property
    def places(self) -> dict[str, int]:
        """The place of each trial."""
        return {trial: place for place, (trial,) in enumerate(tuples_of(self.table[["id"]]))}

    @cached_property
    def labels(self) -> dict[str, list[Any]]:
        """The axes of all trials that the plan alone knows, each by the places of trials."""
        return {name: values_of(self.table[name]) for name in AXES if name not in SELECTED}


def plan_of(index: StudyIndex, digest: str = "") -> Plan:
    """The plan in a plan file that was read."""
    head = index.model_copy(update={"trials": ()})
    beside = reference_labels(index)
    own = [trial for trial in index.trials if trial.model not in beside]
    fair = verdict([trial.spec for trial in own]) if any(trial.criterion for trial in own) else None
    return Plan(digest, head, _table(index.trials), findings(index), fair)


def read_plan(store: Store, study: str) -> Plan:
    """The present plan of a study; raises StoreError where there is none, or one that cannot be believed."""
    folder = store.folder(study)
    try:
        digest = hashlib.sha256((folder / INDEX).read_bytes()).hexdigest()
    except OSError:
        return plan_of(store.read_index(study))  # which says what is wrong
    held = _kept(folder)
    if held is not None and held.digest == digest:
        return held
    found = replace(plan_of(store.read_index(study)), digest=digest)
    with suppress(OSError):
        write_whole(folder / NAME, _written(found))
    return found


def reference_labels(index: StudyIndex) -> frozenset[str]:
    """Labels of the models that stand beside the study, whole."""
    return frozenset(str(one["model"]) for one in index.references if "model" in one)


def _table(trials: Iterable[TrialInfo]) -> pd.DataFrame:
    return typed([{"id": trial.id, **planned(trial), **of_plan(trial.spec)} for trial in trials])


def _written(plan: Plan) -> bytes:
    header = {
        "code": code_digest(),
        "digest": plan.digest,
        "head": plan.head.model_dump(mode="json", by_alias=True),
        "findings": [[one.rule.code, one.is_heeded, one.words] for one in plan.findings],
        "fair": plan.fair and [plan.fair.is_fair, list(plan.fair.reasons)],
    }
    return written(plan.table, header)


def _kept(folder: Path) -> Plan | None:
    rules = {rule.code: rule for rule in RULES}
    try:
        table, told = read((folder / NAME).read_bytes())
        if told["code"] != code_digest():
            return None  # rules and fairness may mean other things there
        heeded = tuple(Finding(rules[code], is_heeded, words) for code, is_heeded, words in told["findings"])
        fair = told["fair"] and Verdict(told["fair"][0], tuple(told["fair"][1]))
        return Plan(told["digest"], StudyIndex.model_validate(told["head"]), table, heeded, fair)
    except (OSError, DamagedError, KeyError, TypeError, ValidationError):
        return None
