"""Every rule of the linter, in the order in which they are told, and what they say of a study."""

from __future__ import annotations

from harness.lint import calibration, controls, costs, design
from harness.lint.base import Finding, Rule
from harness.lint.facts import Facts
from harness.records import StudyIndex

GROUPS: dict[str, tuple[Rule, ...]] = {
    "The size of a study": design.RULES,
    "What it compares with": controls.RULES,
    "What it measures": costs.RULES,
    "The data that choices are made with": calibration.RULES,
}
RULES = tuple(rule for rules in GROUPS.values() for rule in rules)


def findings(index: StudyIndex) -> tuple[Finding, ...]:
    """What each rule says of a plan, heeded or not; a rule about what the study does not claim says nothing."""
    study = Facts(index)
    if not study.candidates:
        return ()
    told = ((rule, rule.check(study)) for rule in RULES)
    return tuple(Finding(rule, found.is_heeded, found.words) for rule, found in told if found is not None)
