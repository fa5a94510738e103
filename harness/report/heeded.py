"""Which of the field's reporting rules a study heeds, and which not, as its plan tells."""

from __future__ import annotations

from harness.lint import Finding
from harness.report.view import View
from harness.tables.table import Table
from harness.wording import counted

WORDS = {True: "yes", False: "no", None: "not told"}
ORDER = (False, None, True)


def heeded_table(view: View) -> Table | None:
    """Every rule that is about what the study claims, those that it breaks first; None where there is no plan."""
    told = view.plan.findings if view.has_plan else ()
    if not told:
        return None
    rows = tuple(_row(finding) for answer in ORDER for finding in told if finding.is_heeded is answer)
    broken = sum(finding.is_broken for finding in told)
    notes = (
        f"{broken} of {counted(len(told), 'rule')} not heeded; each is named by the fault. Rules about what the study "
        "does not claim are left out; docs/linter.md has every rule with its source.",
    )
    header = ("rule", "heeded", "the study", "what is demanded", "source")
    return Table("rules", "Reporting rules of the field", header, rows, notes, is_numeric=False)


def _row(finding: Finding) -> tuple[str, ...]:
    rule = finding.rule
    return rule.code, WORDS[finding.is_heeded], finding.words, rule.demand, str(rule.source)
